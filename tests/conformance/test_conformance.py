"""Every check catches the model that was made to violate it, and no other check is blamed."""

from __future__ import annotations

import pytest

from ganbench.conformance import CHECKS, check_model
from ganbench.errors import ModelError, UnknownNameError

_VIOLATIONS = {
    "YieldsNumbers": ("yields_finite_metrics", "yielded float, not a mapping"),
    "Diverges": ("yields_finite_metrics", "metric 'loss' is nan"),
    "RaisesInFit": ("yields_finite_metrics", "RuntimeError: the second epoch"),
    "Transposed": ("samples_have_shape", r"sample\(1\) has shape \[1, 8\], expected \[1, 3, 3\]"),
    "TwoAtATime": ("samples_have_shape", r"sample\(1\) has shape \[2, 3, 3\]"),
    "DoublePrecision": ("samples_have_shape", "float64, expected torch.float32"),
    "ReturnsArrays": ("samples_have_shape", "returned ndarray, not a torch.Tensor"),
    "CarriesGradients": ("samples_have_shape", "carries gradients"),
    "RaisesInSample": ("samples_have_shape", "RuntimeError: no samples today"),
    "GreyLevels": ("samples_are_in_range", "range from 0 to 255"),
    "NotFinite": ("samples_are_in_range", "not finite"),
    "AlwaysTheSame": ("sampling_is_determined", "does not depend on its generator"),
    "CountsItsCalls": ("sampling_is_determined", "two calls of sample with equal generators differ"),
    "CountsItsTrainings": ("training_is_determined", "two trainings from equal generators differ"),
    "ReadsGlobalState": ("global_random_state_is_left_alone", "depend on a global random state"),
    "WritesGlobalState": ("global_random_state_is_left_alone", "was changed"),
    "ChangesItsData": ("training_data_are_left_alone", "changed the training data in place"),
    "TrainsWhileSampling": ("sampling_leaves_training_alone", "changed the training that followed"),
    "ForgetsItsMean": ("state_survives_storage", "draws other samples"),
    "KeepsObjects": ("state_survives_storage", "weights_only=True"),
    "ForgetsItsVelocity": ("training_can_be_interrupted", "stopped after epoch 1 and gone on"),
}


def _check(toys, toy_images, name):
    return {result.name: result for result in check_model(f"{toys}:{name}", dataset=toy_images)}


@pytest.mark.parametrize("name", ["PixelwiseGaussian", "uniform"])
def test_a_good_model_passes(toys, toy_images, name):
    results = _check(toys, toy_images, name)
    assert [r.violation for r in results.values()] == [""] * len(CHECKS)
    assert all(r.demand.endswith(".") for r in results.values())


@pytest.mark.parametrize("name", _VIOLATIONS)
def test_each_violation_is_caught(toys, toy_images, name):
    check, message = _VIOLATIONS[name]
    results = _check(toys, toy_images, name)
    assert list(results) == [check.__name__ for check in CHECKS]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(results[check].violation)


def test_every_check_has_a_violation():
    assert {check for check, _ in _VIOLATIONS.values()} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        (name, {_VIOLATIONS[name][0]})
        for name in ("CarriesGradients", "AlwaysTheSame", "WritesGlobalState", "ForgetsItsVelocity", "YieldsNumbers")
    ],
)
def test_one_violation_is_one_failure(toys, toy_images, name, caught):
    results = _check(toys, toy_images, name)
    assert {r.name for r in results.values() if r.violation} == caught


def test_what_cannot_be_checked(toys, toy_images):
    with pytest.raises(ModelError, match="is a file of samples"):
        list(check_model(toy_images))
    with pytest.raises(ModelError, match="lacks the method sample"):
        list(check_model(f"{toys}:LacksSample", dataset=toy_images))
    with pytest.raises(ModelError, match=r"cannot be built.*RuntimeError: no accelerator for this model"):
        list(check_model(f"{toys}:RaisesInConstructor", dataset=toy_images))
    with pytest.raises(UnknownNameError, match="Unknown dataset 'digit'"):
        list(check_model(f"{toys}:PixelwiseGaussian", dataset="digit"))
