"""Every check catches the model that was made to violate it, and one fault is reported once."""

from __future__ import annotations

import textwrap
import threading

import pytest
import torch

import ganbench.model
from ganbench.conformance import MODEL_CHECKS, Check, NotExamined, Violation, check_model, run_checks
from ganbench.conformance import subject as subject_module
from ganbench.conformance.subject import demand_equal
from ganbench.errors import ModelError, UnknownNameError
from ganbench.runtime.surroundings import process_settings, random_settings

_TRAINING, _SHAPE, _PROCESS = "training_yields_finite_metrics", "samples_have_shape", "process_is_left_alone"

# of models that are more than a model, see test_abilities.py
_OF_ABILITIES = {
    "chains_are_determined",
    "chains_start_where_they_are_told",
    "codes_are_decoded",
    "density_is_sound",
    "discriminator_is_sound",
}

# model -> the one check that it fails, what is said
_VIOLATIONS = {
    "YieldsNumbers": (_TRAINING, "fit yielded float in epoch 1, not a mapping. Name what it yields"),
    "YieldsWords": (_TRAINING, "fit yielded 'deviation': 'small' in epoch 1, which is no number .* Yield floats"),
    "YieldsHugeNumbers": (_TRAINING, r"fit yielded 'deviation': 1000+.*0 in epoch 1, which is no .*too large"),
    "ReturnsNothing": (_TRAINING, "fit returned NoneType, not an iterator over epochs. Let it yield"),
    "ReturnsANumber": (_TRAINING, "fit returned float, not an iterator over epochs. Let it yield"),
    "Diverges": (_TRAINING, "fit yielded 'loss': nan in epoch 2.* lower the learning rate"),
    "RaisesInFit": (_TRAINING, r"RuntimeError: the second epoch\nis too hard \(models.py, line \d+, in fit\)$"),
    "NeverEnds": ("training_ends", "fit yielded epoch 4, and total_epochs is 3. End its loop there"),
    "NeverEndsUnannounced": (
        "training_ends",
        "had not ended after 1000 epochs .* or say by the attribute total_epochs",
    ),
    "AnnouncesNoNumber": ("training_ends", "total_epochs is 'three'. It must be the number of epochs"),
    "ChangesItsData": ("training_data_are_left_alone", "changed the training data in place. Work on a copy"),
    "CountsItsTrainings": ("training_is_determined", "Two trainings from equal generators differ. Draw every"),
    "RaisesInSample": (_SHAPE, r"RuntimeError: no samples today \(models.py, line \d+, in sample\)$"),
    "LeavesPython": (_SHAPE, r"SystemExit: 0 \(models.py, line \d+, in sample\)$"),
    "Transposed": (_SHAPE, r"sample\(1\) has shape \[1, 8\], not \[1, 3, 3\]. Return"),
    "TwoAtATime": (_SHAPE, r"sample\(1\) has shape \[2, 3, 3\], not \[1, 3, 3\]. Return"),
    "ReturnsArrays": (_SHAPE, r"sample\(1\) returned ndarray, not a torch.Tensor. Return a tensor"),
    "NotFinite": (_SHAPE, r"sample\(1\) is not finite. Find where"),
    "DoublePrecision": ("samples_are_float32", r"sample\(7\) is torch.float64, not torch.float32. Return .*float\(\)"),
    "HalfPrecision": ("samples_are_float32", r"sample\(7\) is torch.bfloat16, not torch.float32. Return .*float\(\)"),
    "CarriesGradients": ("samples_are_float32", r"carries gradients. Decorate sample with `@torch.no_grad\(\)`"),
    "GreyLevels": ("samples_are_in_range", "range from 0 to 255, the data from 0 to 1. End in a sigmoid"),
    "AlwaysTheSame": ("sampling_is_determined", "does not depend on its generator. Draw from it"),
    "CountsItsCalls": ("sampling_is_determined", "Two calls of sample with equal generators differ. Draw every"),
    "NeedsTraining": ("sampling_before_training", r"AttributeError: .*\(models.py, line \d+, in sample\). Give the"),
    "IsUndefinedBeforeTraining": ("sampling_before_training", r"sample\(4\) before training is not finite"),
    "DiffersBeforeTraining": ("sampling_before_training", "Two untrained models give different samples .* Initialise"),
    "TrainsWhileSampling": ("sampling_leaves_training_alone", "Sampling changed the training that followed. Let"),
    "KeepsObjects": ("state_can_be_stored", r"state\['made by'\] is type. .*leave other objects out"),
    "KeepsNumpyScalars": (
        "state_can_be_stored",
        r"state\['optimiser'\]\['lr'\] is numpy.float64; state\['optimiser'\]\['steps'\]\[0\] is numpy.int64. Convert",
    ),
    "ReturnsNoState": ("state_can_be_stored", "state_dict returned NoneType, not a dict. Return all"),
    "ForgetsItsMean": ("state_survives_storage", "draws other samples. Put all that sample uses into state_dict"),
    "TrainsTheLoadedState": (
        "loading_copies",
        r"Training changed the state that was loaded. Copy it.*'moments'\]\[0\]",
    ),
    "ForgetsItsVelocity": ("training_can_be_interrupted", "Stopped after epoch 1 .*Put all that fit uses into"),
    "ForgetsItsEpoch": ("finished_training_stays_finished", "trains again. Put the number of epochs into state_dict"),
    "WritesGlobalState": (_PROCESS, "In sample, torch's global random state was changed. Draw from the generator"),
    "DrawsInItsConstructor": (_PROCESS, "In the constructor, torch's global random state .*torch.nn.utils.skip_init"),
    "DrawsInStateDict": (_PROCESS, "In state_dict, NumPy's global random state was changed. Draw"),
    "LoadsAtRandom": (_PROCESS, "In load_state_dict, torch's global random state was changed. Draw"),
    "DefaultsToDouble": (_PROCESS, r"In fit, .*\(torch.set_default_dtype\) was changed. Give dtype"),
    "SetsThreads": (_PROCESS, r"In fit, the number of threads .* was changed. .* the harness sets it"),
    "LeavesGradientsOff": (_PROCESS, r"In sample, .*\(torch.set_grad_enabled\) was changed. Use `with"),
    "MovesAway": (_PROCESS, "In load_state_dict, the working directory .* was changed. Use whole paths"),
    "ReadsGlobalState": ("global_random_state_is_not_read", "What fit gives depends on a global random state. Draw"),
    "LoadsWhatIsGlobal": ("global_random_state_is_not_read", "What load_state_dict gives depends on a global random"),
}


def _check(model, toy_images, **options):
    settings = [*process_settings(), *random_settings()]
    before = [setting.read() for setting in settings]
    results = list(check_model(model, dataset=toy_images, **options))
    assert [setting.read() for setting in settings] == before, "a model has spoiled the process for others"
    assert [result.name for result in results] == [check.name for check in MODEL_CHECKS]
    assert all(bool(result.violation) == (result.status != "passed") for result in results)
    return {result.name: result for result in results if result.name not in _OF_ABILITIES}


def _failed(results):
    return {name: result.violation for name, result in results.items() if result.status == "failed"}


@pytest.mark.parametrize("name", ["PixelwiseGaussian", "SaysThatItNeedsTraining", "uniform"])
def test_a_good_model_passes(toys, toy_images, name):
    results = _check(f"{toys}:{name}", toy_images)
    assert {result.status for result in results.values()} == {"passed"}
    assert all(result.demand.endswith(".") and "\n" not in result.demand for result in results.values())


@pytest.mark.parametrize("name", _VIOLATIONS)
def test_one_fault_is_found_and_reported_once(toys, toy_images, name):
    check, message = _VIOLATIONS[name]
    failed = _failed(_check(f"{toys}:{name}", toy_images))
    assert list(failed) == [check]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(failed[check])


def test_every_check_has_a_violation():
    assert {check for check, _ in _VIOLATIONS.values()} == {check.name for check in MODEL_CHECKS} - _OF_ABILITIES


def test_checks_that_need_a_trained_model_are_not_examined(toys, toy_images):
    results = _check(f"{toys}:RaisesInFit", toy_images)
    assert {r.status for r in results.values() if r.name != _TRAINING} == {"not examined"}
    assert results["training_ends"].violation == "training_yields_finite_metrics was not passed."


def test_a_state_that_cannot_be_stored_hides_little(toys, toy_images):
    results = _check(f"{toys}:KeepsNumpyScalars", toy_images)
    hidden = {"state_survives_storage", "loading_copies", "training_can_be_interrupted"}
    assert {name for name, result in results.items() if result.status == "not examined"} == {
        *hidden,
        "finished_training_stays_finished",
    }


def test_an_epoch_without_end_is_stopped(toys, toy_images):
    failed = _failed(_check(f"{toys}:NeverYields", toy_images, seconds_per_check=1.0))
    assert list(failed) == [_TRAINING]
    with pytest.raises(
        AssertionError, match=r"stopped after 1 s \(models.py, line \d+, in fit\). Where does its loop end"
    ):
        raise AssertionError(failed[_TRAINING])


def test_a_training_that_would_take_long_is_not_followed(toys, toy_images, monkeypatch):
    results = _check(f"{toys}:Slow", toy_images)
    assert _failed(results) == {}
    assert results["training_ends"].status == "not examined"
    assert results["training_ends"].violation.startswith("All 1000 epochs would take ")
    monkeypatch.setattr(subject_module, "_MOST_SECONDS", 0.0)
    results = _check(f"{toys}:NeverEndsUnannounced", toy_images)
    assert "had not ended after 1 epochs and 0 s" in results["training_ends"].violation


def test_a_model_that_gives_up_after_a_while(toys, toy_images):
    class GivesUp(_toys_class(toys)):
        def __init__(self, event_shape, *, device="cpu"):
            super().__init__(event_shape, epochs=9)

        def fit(self, train, *, generator):
            for metrics in super().fit(train, generator=generator):
                if self.epoch == 5:
                    raise ModelError("Diverged. Lower the learning rate.")
                yield metrics

    results = _check(GivesUp, toy_images)
    assert _failed(results) == {}
    assert (
        results["training_ends"].violation == "Training was not followed to its end. Diverged. Lower the learning rate."
    )


def _toys_class(toys):
    from ganbench.registry.models import find_model

    return find_model(f"{toys}:PixelwiseGaussian").load()


def test_classes_and_functions_are_models(toys, toy_images):
    assert {r.status for r in _check(_toys_class(toys), toy_images).values()} == {"passed"}
    noise = _check(lambda n, generator: torch.rand(n, 3, 3, generator=generator), toy_images)
    assert {r.status for r in noise.values()} == {"passed"}
    constant = _failed(_check(lambda n, generator: torch.zeros(n, 3, 3), toy_images))
    assert list(constant) == ["sampling_is_determined"]


def test_the_example_of_the_contract_passes(tmp_path, toy_images):
    manual = ganbench.model.__doc__
    example = textwrap.dedent(manual[manual.index("    import torch") : manual.index("`ganbench check")])
    path = tmp_path / "my_model.py"
    path.write_text(example)
    for dataset in (toy_images, "digits"):
        assert {r.status for r in _check(f"{path}:PixelwiseGaussian", dataset).values()} == {"passed"}


def test_a_model_that_prints_and_reads_arguments(tmp_path, toy_images, capsys):
    path = tmp_path / "loud.py"
    path.write_text(
        "import sys\nprint('import', len(sys.argv))\n"
        "from quiet import uniform as quiet\n"
        "def uniform(n, generator):\n    print('sample')\n    return quiet(n, generator)\n"
    )
    (tmp_path / "quiet.py").write_text(
        "import torch\ndef uniform(n, generator):\n    return torch.rand(n, 3, 3, generator=generator)\n"
    )
    assert {r.status for r in _check(f"{path}:uniform", toy_images).values()} == {"passed"}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("import 1\nsample\n")


def test_what_cannot_be_checked(toys, toy_images):
    with pytest.raises(ModelError, match="are samples; there is no model"):
        list(check_model(toy_images))
    with pytest.raises(ModelError, match="lacks the method sample"):
        list(check_model(f"{toys}:LacksSample", dataset=toy_images))
    with pytest.raises(ModelError, match=r"cannot be built: ZeroDivisionError.*test_conformance.py, line \d+, in "):
        list(check_model(_Broken, dataset=toy_images))
    with pytest.raises(ModelError, match="_Empty' lacks the method fit"):
        list(check_model(_Empty, dataset=toy_images))
    with pytest.raises(ModelError, match=r"cannot be built.*RuntimeError: no accelerator for this model"):
        list(check_model(f"{toys}:RaisesInConstructor", dataset=toy_images))
    with pytest.raises(UnknownNameError, match="Unknown dataset 'digit'"):
        list(check_model(f"{toys}:PixelwiseGaussian", dataset="digit"))


class _Broken:
    def __init__(self, event_shape, *, device="cpu"):
        raise ZeroDivisionError


class _Empty:
    def __init__(self, event_shape, *, device="cpu"):
        pass


_NAN = float("nan")


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ({"a": [1.0, _NAN], "t": torch.tensor([_NAN, 1])}, {"a": (1.0, _NAN), "t": torch.tensor([_NAN, 1])}, None),
        ({"t": torch.tensor([_NAN, 1])}, {"t": torch.tensor([_NAN, 2])}, r"tensors differ in state\['t'\]"),
        ({"t": torch.tensor([_NAN])}, {"t": torch.tensor([1.0])}, r"tensors differ in state\['t'\]"),
        ({"t": torch.ones(1)}, {"t": torch.ones(1).double()}, r"tensors differ in state\['t'\]"),
        ({"t": torch.ones(1)}, {"t": torch.ones(2)}, r"tensors differ in state\['t'\]"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, r"state\['a'\]\[1\]\['b'\] is 2 and 3"),
        ({"a": [1]}, {"a": [1, 2]}, r"lengths differ in state\['a'\]"),
        ({"a": 1}, {"b": 1}, "keys differ in state"),
        ({"a": 1}, {"a": None}, r"state\['a'\] is 1 and None"),
    ],
)
def test_states_are_compared_to_the_bit(first, second, place):
    demand_equal(first, first, "")
    if place is None:
        demand_equal(first, second, "")
    else:
        with pytest.raises(Violation, match=f"^They differ. .{place}.$"):
            demand_equal(first, second, "They differ.")


def _passes(subject):
    """Nothing."""


def _fails(subject):
    """Something."""
    raise Violation("It is wrong. Mend it.")


def _fails_too(subject):
    """Something else."""
    raise Violation("It is wrong. Mend it.")


def _cannot_tell(subject):
    """What nobody knows."""
    raise NotExamined("Who knows.")


def _needs_all(subject):
    """Everything."""


def test_what_is_not_passed_is_not_needed_again():
    checks = [Check(_passes), Check(_fails), Check(_fails_too), Check(_cannot_tell), Check(_needs_all, (_cannot_tell,))]
    outcomes = [(result.status, result.violation) for result in run_checks(checks, None, 60)]
    assert outcomes == [
        ("passed", ""),
        ("failed", "It is wrong. Mend it."),
        ("not examined", "_fails failed in the same way."),
        ("not examined", "Who knows."),
        ("not examined", "_cannot_tell was not passed."),
    ]


def test_outside_of_the_main_thread_there_is_no_clock_and_all_else_is_the_same():
    results = []
    thread = threading.Thread(target=lambda: results.extend(run_checks([Check(_passes), Check(_fails)], None, 1e-3)))
    thread.start()
    thread.join()
    assert [result.status for result in results] == ["passed", "failed"]
