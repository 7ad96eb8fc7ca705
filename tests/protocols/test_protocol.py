"""Protocols as data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ganbench.errors import DataError, UnknownNameError
from ganbench.protocols import DatasetPlan, load_protocol, protocol_names


def test_two_protocols_ship():
    assert protocol_names() == ["digits", "goodfellow2014"]
    assert [load_protocol(name).name for name in protocol_names()] == protocol_names()


@pytest.mark.parametrize(
    ("model", "dataset", "mean", "error"),
    [
        ("dbn", "mnist", 138, 2),
        ("cae", "mnist", 121, 1.6),
        ("gsn", "mnist", 214, 1.1),
        ("adversarial", "mnist", 225, 2),
        ("dbn", "tfd", 1909, 66),
        ("cae", "tfd", 2110, 50),
        ("gsn", "tfd", 1890, 29),
        ("adversarial", "tfd", 2057, 26),
    ],
)
def test_published_values_are_those_of_table_1(model, dataset, mean, error):
    # Goodfellow et al., Generative Adversarial Nets (2014), Table 1.
    protocol = load_protocol("goodfellow2014")
    published = protocol.find_published(model, dataset)
    assert (published.mean, published.standard_error) == (mean, error)
    assert "Goodfellow et al. 2014, Table 1" in published.source
    assert len(protocol.published) == 8


def test_nothing_is_published_for_other_data():
    assert load_protocol("goodfellow2014").find_published("dbn", "fer2013") is None
    assert load_protocol("digits").published == ()


@pytest.mark.parametrize("name", ["digits", "goodfellow2014"])
def test_the_grid_of_the_source(name):
    protocol = load_protocol(name)
    assert protocol.bandwidth_grid == pytest.approx(np.logspace(-1, 0, 10), rel=1e-12)
    assert protocol.n_samples == 10_000
    assert protocol.models == ("dbn", "cae", "gsn", "adversarial")


def test_the_data_sets_of_the_paper():
    protocol = load_protocol("goodfellow2014")
    plans = {plan.name: plan for plan in protocol.datasets}
    assert list(plans) == ["mnist", "tfd", "fer2013", "cifar10"]
    assert plans["mnist"].validation_limit == 1000
    assert plans["tfd"].validation_limit == 0
    assert plans["tfd"].bandwidth_grid[-10:] == pytest.approx(protocol.bandwidth_grid)
    assert (plans["tfd"].standard_error_across, plans["mnist"].standard_error_across) == (("folds",), ("examples",))
    assert [plan.name for plan in protocol.datasets if not plan.default] == ["fer2013"]
    assert [plan.name for plan in protocol.datasets if not plan.likelihood] == ["cifar10"]
    assert load_protocol("digits").datasets[0].standard_error_across == ("examples", "folds")


def test_a_protocol_of_the_user(toy_protocol, toys, toy_images):
    protocol = load_protocol(toy_protocol(bandwidth_grid=[0.4, 0.1]))
    assert protocol.bandwidth_grid == (0.1, 0.4)
    assert protocol.models == (f"{toys}:PixelwiseGaussian",)
    assert protocol.dataset_plan(toy_images).title == "Squares"
    with pytest.raises(UnknownNameError, match="dataset of protocol 'toy', 'mnist'"):
        protocol.dataset_plan("mnist")


def test_unknown_protocols():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'digits'.*Known: digits, goodfellow2014.*.toml file"):
        load_protocol("digit")
    with pytest.raises(UnknownNameError, match=r"nowhere\.toml"):
        load_protocol("nowhere.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_sample": 3}, "unknown key 'n_sample' in Protocol; accepted: name, title, n_samples"),
        ({"title": None}, "Protocol lacks the key 'title'"),
        ({"bandwidth_grid": None}, "Protocol lacks the key 'bandwidth_grid'"),
        ({"datasets": "[{ title = 'x' }]"}, "DatasetPlan lacks the key 'name'"),
        ({"datasets": "[{ name = 'x', colour = 1 }]"}, "unknown key 'colour' in DatasetPlan"),
        ({"datasets": "[]"}, "datasets must be at least one"),
        ({"datasets": "[{ name = 'x' }, { name = 'x' }]"}, "each name once"),
        ({"datasets": "3"}, "datasets must be a list of tables; got 3"),
        ({"datasets": "[3]"}, "expected a table of DatasetPlan; got 3"),
        ({"datasets": "[{ name = 'x', standard_error_across = ['runs'] }]"}, "standard_error_across of 'x' must be"),
        ({"datasets": "[{ name = 'x', standard_error_across = [] }]"}, "standard_error_across of 'x' must be"),
        ({"datasets": "[{ name = 'x', standard_error_across = 'folds' }]"}, "must be a list of strings; got 'folds'"),
        ({"datasets": "[{ name = 'x', validation_limit = -1 }]"}, "validation_limit of 'x' must be 0 or more; got -1"),
        ({"datasets": "[{ name = 'x', likelihood = 1 }]"}, "likelihood must be of type bool; got 1"),
        ({"datasets": "[{ name = 'x', bandwidth_grid = [0] }]"}, "bandwidth_grid must be positive numbers"),
        ({"n_samples": 0}, "n_samples must be at least 1; got 0"),
        ({"n_samples": 10.5}, "n_samples must be of type int; got 10.5"),
        ({"n_samples": "many"}, "n_samples must be of type int; got 'many'"),
        ({"n_samples": True}, "n_samples must be of type int; got True"),
        ({"n_neighbor_samples": 0}, "n_neighbor_samples must be at least 1"),
        ({"bandwidth_shown": "best"}, "bandwidth_shown must be one of .*; got 'best'"),
        ({"refinement_steps": 1}, "refinement_steps must be at least 2 .*; got 1"),
        ({"refinement_steps": -1, "bandwidth_shown": "grid"}, "refinement_steps must be"),
        ({"models": "dbn"}, "models must be a list of strings; got 'dbn'"),
        ({"titles": 3}, "titles must be of type Mapping"),
        ({"name": "../toy"}, "name must be letters"),
        ({"bandwidth_grid": []}, "bandwidth_grid must be positive numbers"),
        ({"bandwidth_grid": [0.1, -1]}, "bandwidth_grid must be positive numbers"),
        ({"bandwidth_grid": [0.1, float("nan")]}, "bandwidth_grid must be positive numbers"),
        ({"bandwidth_grid": ["a"]}, "bandwidth_grid must be positive numbers"),
        ({"bandwidth_grid": 0.2}, "bandwidth_grid must be positive numbers"),
    ],
)
def test_bad_keys_and_values(toy_protocol, changes, message):
    path = toy_protocol(**changes)
    with pytest.raises(DataError, match=message) as caught:
        load_protocol(path)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    "grid",
    [
        "{ start = 0.1, stop = 1.0, count = 1 }",
        "{ start = 0.1, stop = 1.0, count = 0 }",
        "{ start = 0, stop = 1.0, count = 3 }",
        "{ start = 1.0, stop = 0.1, count = 3 }",
        "{ start = 0.1, stop = 1.0 }",
        "{ start = 0.1, stop = 1.0, count = 3, steps = 3 }",
    ],
)
def test_bad_grids(toy_protocol, toy_images, grid):
    table = f"[{{ name = {json.dumps(toy_images)}, bandwidth_grid = {grid} }}]"
    with pytest.raises(DataError, match=r"bandwidth_grid must be positive numbers, or { start, stop, count }"):
        load_protocol(toy_protocol(datasets=table))


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_bytes(b"name = \xff")
    with pytest.raises(DataError, match="cannot be read"):
        load_protocol(str(path))


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"n_samples": 21}, True),
        ({"bandwidth_grid": [0.1, 0.2, 0.4]}, True),
        ({"refinement_steps": 17}, True),
        ({"n_neighbor_samples": 6}, True),
        ({"title": "Other"}, False),
        ({"models": ["dbn"]}, False),
        ({"bandwidth_shown": "grid"}, False),
    ],
)
def test_the_fingerprint_covers_what_decides_a_number(toy_protocol, changes, counts):
    plan = DatasetPlan("squares")
    before = load_protocol(toy_protocol()).fingerprint(plan)
    assert (load_protocol(toy_protocol(**changes)).fingerprint(plan) != before) is counts


def test_the_fingerprint_of_a_data_set():
    protocol = load_protocol("digits")
    plans = [
        DatasetPlan("x"),
        DatasetPlan("x", validation_limit=3),
        DatasetPlan("x", bandwidth_grid=(0.1,)),
        DatasetPlan("x", likelihood=False),
    ]
    assert len({protocol.fingerprint(plan) for plan in plans}) == 4
    titled = DatasetPlan("x", title="T", note="N", default=False, standard_error_across=("folds",))
    assert protocol.fingerprint(titled) == protocol.fingerprint(plans[0])
