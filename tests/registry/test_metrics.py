"""Metrics by name, file, class and object; their settings and keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ganbench.errors import ModelError, UnknownNameError, UsageError
from ganbench.metrics import PAPER_GRID
from ganbench.metrics.neighbors import NearestNeighbors
from ganbench.metrics.parzen import Parzen
from ganbench.registry.metrics import find_metric, find_metrics, names_metric

_TOYS = str(Path(__file__).parents[1] / "data" / "metrics.py")


@pytest.mark.parametrize(
    "spec",
    [
        "parzen",
        " parzen[] ",
        "parzen[refinement_steps=16]",
        "parzen[ validation_limit = 0 , refinement_steps = 16 ]",
        "ganbench.metrics.parzen:Parzen",
        Parzen,
        Parzen(),
        Parzen(grid=PAPER_GRID),
    ],
    ids=lambda spec: spec if isinstance(spec, str) else type(spec).__name__,
)
def test_equal_specs_are_one(spec):
    found, expected = find_metric(spec), find_metric("parzen")
    assert (found.label, found.key, dict(found.settings)) == ("parzen", expected.key, {})
    settings = {"grid": list(PAPER_GRID), "refinement_steps": 16, "validation_limit": 0, "groups": 40}
    assert found.settings_as_data == settings


def test_settings_make_another_label_and_key():
    specs = ["nearest_neighbors", "nearest_neighbors[limit=5]", "nearest_neighbors[limit=6]"]
    found = [find_metric(spec) for spec in specs]
    assert [metric.label for metric in found] == specs
    assert len({metric.key for metric in found}) == 3
    given = find_metric(NearestNeighbors(limit=5))
    assert (given.label, given.key) == (found[1].label, found[1].key)


def test_whole_numbers_where_fractions_are_expected():
    found = [find_metric(f"{_TOYS}:MeanDistance[scale={scale}]") for scale in ("2", "2.0", "1", "1.0")]
    assert [metric.label for metric in found] == ["mean_distance[scale=2.0]"] * 2 + ["mean_distance"] * 2
    assert len({metric.key for metric in found}) == 2


def test_the_key_follows_the_source_and_the_version(tmp_path):
    path = tmp_path / "m.py"
    text = Path(_TOYS).read_text(encoding="utf-8")
    path.write_text(text)
    first = find_metric(f"{path}:MeanDistance")
    path.write_text(text + "# a comment\n")
    assert find_metric(f"{path}:MeanDistance").key == first.key
    path.write_text(text.replace(".square()", ".abs()"))
    assert find_metric(f"{path}:MeanDistance").key != first.key
    path.write_text(text.replace('"mean_distance", 1', '"mean_distance", 2'))
    assert find_metric(f"{path}:MeanDistance").key != first.key


def test_two_classes_of_one_name_in_a_file_are_two_metrics(tmp_path):
    text = Path(_TOYS).read_text(encoding="utf-8")
    text += "\n\nclass Newer(MeanDistance):\n    version = 2\n\n\nclass Same(MeanDistance):\n    pass\n"
    (tmp_path / "m.py").write_text(text)
    specs = [f"{tmp_path}/m.py:{name}" for name in ("MeanDistance", "Newer", "Same", "WrongDirection")]
    assert len({find_metric(spec).key for spec in specs}) == 4
    for other in specs[1:]:
        with pytest.raises(UsageError, match=r"Two different metrics are called 'mean_distance'."):
            find_metrics([specs[0], other])
    found = find_metrics([specs[0], "parzen", f"{specs[0]}[scale=1]", f"{specs[0]}[scale=2]", Parzen()])
    assert [metric.label for metric in found] == ["mean_distance", "parzen", "mean_distance[scale=2.0]"]


def test_the_version_is_part_of_the_key():
    found = find_metric("parzen")
    newer = type("Parzen", (Parzen,), {"version": Parzen.version + 1})()
    assert dataclasses.replace(found, metric=newer).key != dataclasses.replace(found, metric=Parzen()).key == found.key


def test_the_key_of_our_metrics_follows_their_kernels():
    names = set(find_metric("parzen").depends_on)
    assert {
        "ganbench.metrics.parzen",
        "ganbench.metrics._kernels.parzen",
        "ganbench.metrics._kernels.distances",
    } <= names
    assert not any(name.startswith(("ganbench.registry", "ganbench.cli", "ganbench.experiment")) for name in names)


def test_what_is_in_no_file_has_another_key_every_time():
    namespace = {"__name__": "__main__"}
    exec(Path(_TOYS).read_text(encoding="utf-8"), namespace)
    cls = namespace["MeanDistance"]
    found = [find_metric(thing) for thing in (cls, cls, cls(scale=3.0))]
    assert [metric.label for metric in found] == ["mean_distance", "mean_distance", "mean_distance[scale=3.0]"]
    assert len({metric.key for metric in found}) == 3


def test_an_object_that_does_not_show_its_settings_is_measured_with():
    class Hidden:
        name, version, direction, needs = "hidden", 1, "neither", ()

        def __init__(self, *, limit=3):
            self._limit = limit

        def measure(self, *, generated):
            raise NotImplementedError

    hidden = Hidden(limit=4)
    assert find_metric(hidden).metric is hidden
    assert find_metric(hidden).key != find_metric(hidden).key


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("parsen", "Unknown metric 'parsen'. Did you mean 'parzen'"),
        ("parzen[colour=1]", r"'Parzen' has no setting 'colour'; it has: grid, refinement_steps, validation_limit"),
        ("parzen[refinement_steps=1]", "refinement_steps is 1; accepted: 0 for no second search, or a whole number"),
        ("parzen[refinement_steps=1.5]", "'Parzen' cannot be built: refinement_steps is 1.5; accepted: a whole number"),
        ("parzen[grid=[0.1,true]]", r"grid is \[0.1, True\]; accepted: 1 to 1000 positive numbers"),
        ("nearest_neighbors[limit=0]", "limit is 0; accepted"),
        (f"{_TOYS}:annotations", "is no metric; expected a class"),
        (3, "3 is no metric: it lacks 'measure'"),
        (dict, "'dict' lacks 'measure'"),
    ],
)
def test_what_is_refused(spec, message):
    with pytest.raises((UsageError, ModelError), match=message):
        find_metric(spec)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "has name = None; expected a word"),
        ({"name": "two words"}, "has name = 'two words'; expected a word"),
        ({"version": "1"}, "has version = '1'; expected a whole number"),
        ({"version": True}, "has version = True; expected a whole number"),
        ({"direction": "up"}, "has direction = 'up'; expected 'higher', 'lower' or 'neither'"),
        (
            {"needs": "test"},
            r"has needs = 'test'; expected a tuple, as in needs = \(\"test\",\), of: train, valid, test,",
        ),
        ({"needs": ("tests",)}, r"has needs = \('tests',\); expected a tuple"),
        ({"needs": ("generated",)}, r"has needs = \('generated',\); expected a tuple"),
        ({"measure": 3}, "has measure = 3; expected a method"),
    ],
)
def test_each_attribute_is_looked_at(changes, message):
    attributes = {"name": "toy", "version": 1, "direction": "lower", "needs": ("test",), "measure": print}
    assert find_metric(type("Toy", (), attributes)).name == "toy"
    with pytest.raises(UsageError, match=f"The metric 'Toy' {message}"):
        find_metric(type("Toy", (), attributes | changes))
    for name in attributes:
        with pytest.raises(UsageError, match=f"lacks '{name}'"):
            find_metric(type("Toy", (), {k: v for k, v in attributes.items() if k != name}))


def test_nothing_else_may_call_itself_by_an_installed_name(tmp_path):
    (tmp_path / "m.py").write_text("from ganbench.metrics.parzen import Parzen as Base\nclass Mine(Base): pass\n")
    with pytest.raises(
        UsageError, match=r"m.py:Mine' calls itself 'parzen', which is the name of the installed metric"
    ):
        find_metric(f"{tmp_path}/m.py:Mine")


def test_a_metric_of_a_third_party(third_party):
    assert find_metric("brightness").label == "brightness"
    assert find_metric("toy_clouds:Brightness").key == find_metric("brightness").key


def test_one_that_cannot_be_imported(broken):
    with pytest.raises(ModelError, match="RuntimeError: this wheel is for another machine"):
        find_metric("broken_metric")
    with pytest.raises(UnknownNameError, match="broken_metric"):
        find_metric("broken_metrik")


def test_metrics_are_told_from_models(toys, tmp_path):
    (tmp_path / "a:b.npz").touch()
    metrics = ["parzen", "parzen[refinement_steps=0]", f"{_TOYS}:MeanDistance", Parzen, Parzen()]
    models = [
        "dbn",
        "unknown",
        "x.npz",
        str(tmp_path / "a:b.npz"),
        f"{toys}:PixelwiseGaussian",
        f"{toys}:uniform",
        dict,
    ]
    assert [names_metric(spec) for spec in metrics] == [True] * 5
    assert [names_metric(spec) for spec in models] == [False] * 7
