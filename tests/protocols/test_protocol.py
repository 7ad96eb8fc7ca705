"""Protocols as data."""

from __future__ import annotations

import json
import re

import msgspec
import numpy as np
import pytest

from ganbench.errors import DataError, UnknownNameError
from ganbench.protocols import ChainRule, DatasetPlan, Protocol, load_protocol, protocol_names
from ganbench.registry.metrics import find_metric


@pytest.fixture
def write(tmp_path):
    """Writes a protocol, with keys changed (None: left out; strings in brackets: TOML), and returns its path."""

    def write_file(**changes) -> str:
        keys = {
            "name": "toy",
            "title": "Toys",
            "n_samples": 20,
            "models": ["./models.py:Noise"],
            "datasets": "[{ name = 'a/squares.npz', title = 'Squares' }]",
        } | changes
        lines = (
            f"{key} = {value if key in ('datasets', 'published', 'seconds_per_cell') else json.dumps(value)}"
            for key, value in keys.items()
            if value is not None
        )
        path = tmp_path / "toy.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write_file


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


def _settings(protocol, dataset, metric="parzen"):
    plan = protocol.dataset_plan(dataset)
    return next(s.effective for spec in protocol.metrics_on(plan) if (s := find_metric(spec)).name == metric)


@pytest.mark.parametrize(("name", "dataset"), [("digits", "digits"), ("goodfellow2014", "mnist")])
def test_the_grid_of_the_source(name, dataset):
    protocol = load_protocol(name)
    assert _settings(protocol, dataset)["grid"] == pytest.approx(np.logspace(-1, 0, 10), rel=1e-12)
    assert _settings(protocol, dataset)["refinement_steps"] == 16
    assert _settings(protocol, dataset, "nearest_neighbors")["limit"] == 1000
    assert protocol.n_samples == 10_000
    assert protocol.models == ("dbn", "cae", "gsn", "adversarial")
    assert protocol.threads == 1


def test_the_data_sets_of_the_paper():
    protocol = load_protocol("goodfellow2014")
    plans = {plan.name: plan for plan in protocol.datasets}
    assert list(plans) == ["mnist", "tfd", "fer2013", "cifar10"]
    assert _settings(protocol, "mnist")["validation_limit"] == 1000
    assert _settings(protocol, "tfd")["validation_limit"] == 0
    grid = find_metric(protocol.metrics_on(plans["tfd"])[0]).metric.grid
    assert grid[-10:] == pytest.approx(np.logspace(-1, 0, 10))
    assert len(grid) == 13
    assert (plans["tfd"].standard_error_across, plans["mnist"].standard_error_across) == (("folds",), ("examples",))
    assert [plan.name for plan in protocol.datasets if not plan.default] == ["fer2013"]
    assert [plan.name for plan in protocol.datasets if "parzen" not in protocol.metric_names_on(plan)] == ["cifar10"]
    assert (plans["fer2013"].preset, plans["fer2013"].duplicates) == ("fer2013-laptop", "exclude")
    assert {plan.duplicates for name, plan in plans.items() if name != "fer2013"} == {"keep"}
    assert "laptop" in plans["fer2013"].title
    assert "TFD" not in plans["fer2013"].title
    assert protocol.selection.not_on == ("tfd",)
    assert load_protocol("digits").datasets[0].standard_error_across == ("examples", "folds")


def test_chains_of_the_protocols():
    """Keys of samples depend on every number: those of the paper's protocol belong to trainings of hours."""
    rule = {
        "starts": ("noise", "train"),
        "chains": 1000,
        "autocorrelation_times": 10.0,
        "least_burn_in": 100,
        "most_burn_in": 3200,
    }
    assert msgspec.structs.asdict(ChainRule()) == rule
    of_paper = load_protocol("goodfellow2014").chains
    assert msgspec.structs.asdict(of_paper) == rule | {"starts": ("noise", "mean", "train")}
    assert msgspec.structs.asdict(load_protocol("digits").chains) == rule | {"chains": 500}


def test_a_protocol_of_the_user(write):
    protocol = load_protocol(write(metrics=["parzen[grid=[0.4,0.1]]", "parzen", "./mine.py:Mine[k=1]"]))
    assert protocol.models == ("./models.py:Noise",)
    (plan,) = protocol.datasets
    assert protocol.metrics_on(plan) == ("parzen[grid=[0.4,0.1]]", "parzen", "./mine.py:Mine[k=1]")
    assert protocol.metric_names_on(plan) == ("parzen", "./mine.py:Mine")
    assert protocol.metrics_on(DatasetPlan("other", metrics=())) == ()
    assert protocol.dataset_plan("mnist") is None
    assert (protocol.titles, load_protocol("digits").titles["dbn"]) == ({}, "DBN")


def test_plans_are_found_by_the_identity_of_data_in_records(write):
    protocol = load_protocol(
        write(datasets="[{ name = 'a/x.npz' }, { name = 'b/y.npz' }, { name = 'c/y.npz' }, { name = 'd' }]")
    )
    assert protocol.plan_of("d") == DatasetPlan("d")
    assert protocol.plan_of("x@1234") == DatasetPlan("a/x.npz")
    assert protocol.plan_of("y@1234") is None  # which of the two cannot be told
    assert protocol.plan_of("d@1234") is None  # a file called d is not the data set d
    assert protocol.plan_of("x") is None


def test_a_protocol_is_never_changed():
    with pytest.raises(AttributeError, match="immutable"):
        load_protocol("digits").n_samples = 3


def test_unknown_protocols(tmp_path):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'digits'.*Known: digits, goodfellow2014.*.toml file"):
        load_protocol("digit")
    for name in ("nowhere.toml", str(tmp_path)):
        with pytest.raises(UnknownNameError, match=re.escape(name)):
            load_protocol(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_sample": 3}, "unknown key 'n_sample'; accepted: name, title, n_samples.*Did you mean 'n_samples'"),
        ({"title": None}, "the key 'title' lacks"),
        ({"datasets": "[{ title = 'x' }]"}, "datasets[0] lacks the key 'name'"),
        ({"datasets": "[{ name = 'x', colour = 1 }]"}, "unknown key 'datasets[0].colour'"),
        ({"datasets": "[]"}, "datasets is []; accepted: a list of at least 1"),
        ({"datasets": "[{ name = 'x' }, { name = 'x' }]"}, "each name once"),
        ({"datasets": "3"}, "datasets is 3; accepted: a list"),
        ({"datasets": "[3]"}, "datasets[0] is 3; accepted: a table with the keys name, title"),
        (
            {"datasets": "[{ name = 'x', standard_error_across = ['runs'] }]"},
            "datasets[0].standard_error_across[0] is 'runs'; accepted: 'examples', 'folds'",
        ),
        (
            {"datasets": "[{ name = 'x', standard_error_across = [] }]"},
            "datasets[0].standard_error_across is []; accepted: a list of at least 1",
        ),
        ({"datasets": "[{ name = 'x', standard_error_across = 'folds' }]"}, "is 'folds'; accepted: a list"),
        ({"datasets": "[{ name = 'x', default = 1 }]"}, "datasets[0].default is 1; accepted: true or false"),
        ({"datasets": "[{ name = 'x', metrics = 'parzen' }]"}, "metrics is 'parzen'; accepted: a list, each a text"),
        ({"n_samples": 0}, "n_samples is 0; accepted: a whole number from 1 to 10000000"),
        ({"n_samples": 10.5}, "n_samples is 10.5; accepted: a whole number"),
        ({"n_samples": "many"}, "n_samples is 'many'; accepted: a whole number"),
        ({"n_samples": True}, "n_samples is True; accepted: a whole number"),
        ({"threads": -1}, "threads is -1; accepted: a whole number from 0 to 1024"),
        ({"models": "dbn"}, "models is 'dbn'; accepted: a list, each a text"),
        ({"titles": 3}, "titles is 3; accepted: a table"),
        ({"name": "../toy"}, "name is '../toy'; accepted: a text that matches"),
        ({"name": ""}, "name is ''; accepted: a text that matches"),
        ({"metrics": ["parzen"], "table": ["parzn"]}, "table: 'parzn' is none of the metrics; accepted: parzen"),
        ({"published": "[{ model = 'm' }]"}, "published[0] lacks the key 'dataset'"),
        (
            {"published": "[{ model = 'm', dataset = 'd', mean = nan, standard_error = 1, source = 's' }]"},
            "published[0]: a published mean and its error are finite",
        ),
        ({"seconds_per_cell": "{ x = { dbn = nan } }"}, "seconds_per_cell[...][...]: expected 'float' >= 0.0"),
        ({"seconds_per_cell": "{ x = { dbn = inf } }"}, "seconds_per_cell[...][...]: expected 'float' <= 1000000000.0"),
        (
            {"bandwidth_grid": [0.1]},
            'no key of a protocol any more; it is a setting of the metric: metrics = ["parzen[grid',
        ),
        ({"likelihood": True}, "'likelihood' is no key of a protocol any more"),
        ({"datasets": "[{ name = 'x', validation_limit = 3 }]"}, "'validation_limit' is no key of a protocol any more"),
        ({"process_per_core": True}, "'process_per_core' is no key of a protocol any more; it is threads = 1"),
    ],
)
def test_bad_keys_and_values(write, changes, message):
    path = write(**changes)
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(DataError, match=pattern) as caught:
        load_protocol(path)
    assert path in str(caught.value)


def test_the_table_may_name_the_metric_of_a_file(write):
    assert load_protocol(write(metrics=["./mine.py:Mine"], table=["mine"])).table == ("mine",)


@pytest.mark.parametrize("content", [b"name = \xff", b"name = ", b"x = " + b"[" * 2000, b""])
def test_a_file_that_is_no_protocol(tmp_path, content):
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"wrong\.toml (cannot be read|is not valid)"):
        load_protocol(str(path))


def test_a_byte_order_mark_is_passed_over(write, tmp_path):
    path = tmp_path / "marked.toml"
    with open(write(), "rb") as file:
        path.write_bytes(b"\xef\xbb\xbf" + file.read())
    assert load_protocol(str(path)).name == "toy"


def test_protocols_of_python_are_checked_too():
    plan = DatasetPlan("d")
    fields = {"name": "toy", "title": "Toys", "n_samples": 1, "models": ()}
    with pytest.raises(ValueError, match="each name once"):
        Protocol(**fields, datasets=(plan, plan))
    assert msgspec.structs.replace(Protocol(**fields, datasets=(plan,)), n_samples=2).n_samples == 2
