"""From samples and a split to scores: what a metric is given, what a score depends on, which samples are accepted."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.datasets import Split
from ganbench.errors import DataError, ModelError, SampleError
from ganbench.evaluation import Evaluation, check_samples, score_key
from ganbench.metrics import MetricResult, Value
from ganbench.records.record import Score
from ganbench.registry.metrics import find_metric

_TOYS = str(Path(__file__).parent / "data" / "metrics.py")
_SHA256 = hashlib.sha256(b"samples").hexdigest()


def _split(**changes) -> Split:
    rng = np.random.default_rng(1)
    parts = {role: rng.random((n, 3, 3), np.float32) for role, n in [("train", 24), ("valid", 9), ("test", 12)]}
    labels = {f"{role}_labels": np.arange(len(part)) % 2 for role, part in parts.items()}
    return Split("standard", **{**parts, **labels, **changes})


def _evaluation(split=None, **options) -> Evaluation:
    generated = np.random.default_rng(2).random((15, 3, 3), np.float32)
    return Evaluation(generated, _SHA256, split or _split(), **options)


class Recorder:
    """Keeps what it is given."""

    name, version, direction = "recorder", 1, "neither"

    def __init__(self, *, needs=()):
        self.needs, self.given = tuple(needs), {}

    def measure(self, **given):
        self.given = given
        return MetricResult(
            {"drawn": Value(torch.rand((), generator=given.get("generator")) if "generator" in given else 0)}
        )


@pytest.mark.parametrize("needs", [(), ("test",), ("train", "valid"), ("labels",), ("features", "generator")], ids=str)
def test_a_metric_is_given_what_it_needs_and_nothing_else(needs):
    metric = Recorder(needs=needs)
    _evaluation().score(find_metric(metric))
    assert set(metric.given) == {"generated", *needs}


def test_by_role_as_float32_tensors_of_its_own():
    metric, split = Recorder(needs=("train", "valid", "test", "labels", "features")), _split()
    evaluation = _evaluation(split)
    evaluation.score(find_metric(metric))
    arrays = {"generated": evaluation.generated, "train": split.train, "valid": split.valid, "test": split.test}
    for role, array in arrays.items():
        np.testing.assert_array_equal(metric.given[role], array)
        assert metric.given[role].dtype == torch.float32
        before = array.copy()
        metric.given[role].zero_()
        np.testing.assert_array_equal(array, before)  # no metric can spoil the data of the next
    labels = metric.given["labels"]
    for role in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(labels, role), getattr(split, f"{role}_labels"))
        assert getattr(labels, role).dtype == torch.int64
    images = torch.rand(4, 3, 3)
    assert torch.equal(metric.given["features"](images), images.reshape(4, 9))


def test_the_generator_follows_the_seed_the_samples_and_the_metric():
    def drawn(name="recorder", sha256=_SHA256, **options):
        metric = type("R", (Recorder,), {"name": name})(needs=("generator",))
        return replace(_evaluation(**options), samples_sha256=sha256).score(find_metric(metric)).values["drawn"].value

    assert drawn() == drawn(seed=0)
    others = {drawn(), drawn(seed=1), drawn(name="other"), drawn(sha256=hashlib.sha256(b"others").hexdigest())}
    assert len(others) == 4


_OTHER = {role: np.full((5, 3, 3), 0.5, np.float32) for role in ("train", "valid", "test")}
_CHANGES = {
    **{role: {role: _OTHER[role], f"{role}_labels": None} for role in _OTHER},
    "labels": {"test_labels": np.zeros(12, np.int64)},
}


@pytest.mark.parametrize("role", ["train", "valid", "test", "labels", "generator"])
def test_a_score_depends_on_what_the_metric_needs_and_nothing_else(role):
    """One piece of data, or the seed, is changed: the key of a metric that needs it changes, no other does."""
    split = _split(**_CHANGES.get(role, {}))
    if role in _OTHER:  # labels go with their examples and count for themselves
        roles = ("train", "valid", "test", "generator")
    else:
        roles = ("train", "valid", "test", "labels", "generator")
    for needed in roles:
        metric = find_metric(Recorder(needs=(needed,)))
        before, after = (
            score_key(metric, _SHA256, _split(), 0),
            score_key(metric, _SHA256, split, int(role == "generator")),
        )
        assert (before != after) == (needed == role), needed


def test_a_score_depends_on_the_samples_the_settings_the_version_and_the_source():
    def key(spec, sha256=_SHA256):
        return score_key(find_metric(spec), sha256, _split(), 0)

    keys = {key("parzen"), key("parzen[]"), key("parzen[refinement_steps=4]"), key("nearest_neighbors")}
    keys |= {key("parzen", hashlib.sha256(b"others").hexdigest()), key(f"{_TOYS}:MeanDistance")}
    assert len(keys) == 5
    assert _evaluation().score(find_metric("parzen")).key == score_key(find_metric("parzen"), _SHA256, _split(), 0)


def test_labels_that_are_not_there():
    split = _split(train_labels=None, valid_labels=None, test_labels=None)
    with pytest.raises(DataError, match="'recorder' needs class labels, and these data have none"):
        score_key(find_metric(Recorder(needs=("labels",))), _SHA256, split, 0)


def test_a_score_says_what_it_is_of():
    score = _evaluation().score(find_metric(f"{_TOYS}:MeanDistance[scale=2]"))
    assert isinstance(score, Score)
    assert (score.metric, score.version, score.settings) == ("mean_distance", 1, {"scale": 2.0})
    assert score.headline == "mean_distance"
    assert len(score.values["mean_distance"].per_example) == 12
    assert [finding.code for finding in score.findings] == ["far"]
    generated, test = (a.reshape(len(a), -1).astype(np.float64) for a in (_evaluation().generated, _split().test))
    distances = 2 * ((test - generated.mean(0)) ** 2).sum(1)
    assert score.values["mean_distance"].value == pytest.approx(distances.mean(), rel=1e-12)
    assert score.values["mean_distance"].standard_error == pytest.approx(distances.std() / 12**0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ReturnsANumber", "'mean_distance' returned float; expected ganbench.metrics.MetricResult"),
        ("ReturnsPlainNumbers", "'mean_distance' returned a result that cannot be stored: values"),
    ],
)
def test_results_that_break_the_contract(name, message):
    with pytest.raises(ModelError, match=message):
        _evaluation().score(find_metric(f"{_TOYS}:{name}"))


def _check(samples, shape=(3, 3), value_range=(0.0, 1.0)):
    return check_samples(samples, event_shape=shape, value_range=value_range, origin="mine")


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a,
        lambda a: a.reshape(4, 9),
        lambda a: a.astype(np.float64),
        lambda a: a.astype(">f4"),
        lambda a: a.astype(">f8"),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(np.longdouble),
        lambda a: np.asfortranarray(a),
        lambda a: torch.from_numpy(a),
        lambda a: torch.from_numpy(a).bfloat16(),
        lambda a: torch.from_numpy(a).half().requires_grad_(),
        lambda a: a.tolist(),
    ],
    ids=[
        "float32",
        "rows",
        "float64",
        ">f4",
        ">f8",
        "half",
        "longdouble",
        "fortran",
        "tensor",
        "bfloat16",
        "grad",
        "list",
    ],
)
def test_samples_of_any_real_dtype_are_converted(convert):
    values = np.linspace(0, 1, 36, dtype=np.float32).reshape(4, 3, 3)
    values = (np.round(values * 256) / 256).astype(np.float32)  # exact in every one of these
    found = _check(convert(values))
    assert (found.dtype, found.shape, found.flags.c_contiguous, found.dtype.isnative) == (
        np.float32,
        (4, 3, 3),
        True,
        True,
    )
    np.testing.assert_array_equal(found, values)


def test_binary_samples_may_be_booleans():
    np.testing.assert_array_equal(_check(np.eye(3, dtype=bool)[None]), np.eye(3, dtype=np.float32)[None])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.full((5, 9), 200.0),
            "range from 200 to 200; the data lie in .0, 1.. They look like 0..255: divide by 255.",
        ),
        (np.arange(18, dtype=np.uint8).reshape(2, 9), "divide by 255"),
        (np.linspace(-1, 1, 18).reshape(2, 9), r"They look like -1..1: use \(x \+ 1\) / 2."),
        (np.full((2, 9), -7.0), "Bring them to the scale of the data."),
        (np.zeros((5, 8)), r"samples have shape \[5, 8\]; expected \[n, 3, 3\] or \[n, 9\] with n >= 1."),
        (np.zeros((5, 1, 3, 3)), r"samples have shape \[5, 1, 3, 3\]"),
        (np.zeros((0, 9)), r"samples have shape \[0, 9\]"),
        (np.zeros(()), r"samples have shape \[\]"),
        (np.array([[0.5] * 8 + [np.nan], [0.5] * 9]), "1 of 2 samples hold NaN or infinity"),
        (np.array([[0.5] * 8 + [np.inf]]), "1 of 1 samples hold NaN or infinity"),
        (np.array([[0.5] * 8 + [1e300]]), "1 of 1 samples hold NaN or infinity"),
        (np.zeros((2, 9), complex), "mine: expected real numbers, found dtype complex"),
        (np.array(["a"]), "expected real numbers"),
        ({"samples": 3}, "mine: expected"),
    ],
)
def test_samples_that_cannot_be_scored(values, message):
    with pytest.raises(SampleError, match=message):
        _check(values)


def test_the_edge_of_the_range():
    _check(np.full((1, 9), 1.0009))
    with pytest.raises(SampleError, match="range from"):
        _check(np.full((1, 9), 1.0011))
    assert _check(np.full((1, 2), 70.0), (2,), (-np.inf, np.inf)).max() == 70  # vectors of a toy density


def test_a_stored_score_needs_neither_torch_nor_the_kernels(process_modules):
    code = (
        "from ganbench.registry.metrics import find_metric as find; find('parzen').key; find('nearest_neighbors').key"
    )
    assert process_modules(code) == set()


@pytest.fixture
def process_modules():
    """Runs code in a process of its own; which heavy packages it has imported."""
    import subprocess

    def run(code: str) -> set[str]:
        probe = f"{code}\nimport sys\nprint(*({{'torch', 'scipy', 'sklearn'}} & set(sys.modules)))"
        output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
        return set(output.stdout.split())

    return run
