"""The committed results: records that can be read, tables that follow from them, figures that were promised.

Tables are made by `ganbench table --results results --protocol NAME --format FORMAT`, those in the folders `precision`
and `effects` by `ganbench table --results results/FOLDER --protocol NAME --format markdown`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganbench import table
from ganbench.choices import FORMATS
from ganbench.cli import main
from ganbench.evaluation import score_key
from ganbench.experiment.plan import Request, make_plan
from ganbench.protocols import load_protocol
from ganbench.records.store import Store
from ganbench.registry.metrics import find_metric
from ganbench.reports.formats import suffix

RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = {"float32": RESULTS, "precision": RESULTS / "precision", "effects": RESULTS / "effects"}
PROTOCOLS = ("digits", "goodfellow2014")
STORED = [("float32", "digits"), ("precision", "digits"), ("float32", "goodfellow2014"), ("effects", "goodfellow2014")]
ENDINGS = {suffix(format): format for format in FORMATS}
TABLES = sorted([*(RESULTS / "tables").iterdir(), *RESULTS.glob("precision/*.md"), *RESULTS.glob("effects/*.md")])


def test_every_protocol_has_a_table_in_every_format():
    assert {path.name for path in (RESULTS / "tables").iterdir()} == {
        f"{name}.{ending}" for name in PROTOCOLS for ending in ENDINGS
    }


@pytest.mark.parametrize("path", TABLES, ids=lambda path: str(path.relative_to(RESULTS)))
def test_tables_follow_from_the_records(path, capsys):
    folder = RESULTS if path.parent.name == "tables" else path.parent
    arguments = ["--results", str(folder), "--protocol", path.stem, "--format", ENDINGS[path.suffix[1:]]]
    assert main(["table", *arguments]) == 0
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("folder", "protocol"), STORED)
def test_records_say_where_they_come_from(folder, protocol):
    records = list(Store(FOLDERS[folder]).records(protocol))
    others = set() if folder == "effects" else {"cae", "dbn", "gsn"}
    assert {record.model.name for record in records} >= {"adversarial"} | others
    for record in records:
        assert record.status == "done"
        assert record.samples.n == load_protocol(protocol).n_samples == 10_000
        for provenance in (record.provenance, record.training.provenance):
            assert len(provenance["commit"]) == 40, "made from a checkout without changes"


@pytest.mark.parametrize(("folder", "protocol"), STORED)
def test_records_were_made_by_the_settings_of_the_protocol(folder, protocol):
    chosen = load_protocol(protocol)
    for record in Store(FOLDERS[folder]).records(protocol):
        plan = chosen.plan_of(record.dataset.identity)
        metrics = {metric.name: metric for metric in map(find_metric, chosen.metrics_on(plan))}
        of_chains = {name for name, metric in metrics.items() if "chains" in metric.metric.needs}
        assert {s.metric for s in record.scores} == set(metrics) - (set() if record.samples.chains else of_chains)
        for score in record.scores:
            settings = metrics[score.metric].settings_as_data
            common = score.settings.keys() & settings.keys()
            assert {key: score.settings[key] for key in common} == {key: settings[key] for key in common}
            assert score.metric != "parzen" or "grid" in common


@pytest.mark.parametrize(("model", "published"), [("dbn", 138), ("cae", 121)])
def test_five_trainings_of_dbn_and_cae_mix_and_exceed_what_was_published(model, published):
    stored = Store(RESULTS).records("goodfellow2014")
    records = [r for r in stored if (r.model.name, r.dataset.name) == (model, "mnist")]
    assert sorted(record.seed for record in records) == [0, 1, 2, 3, 4]
    for record in records:
        value = record.score("parzen").values["mean_log_likelihood"]
        assert value.value - 5 * value.standard_error > published
        assert [f.code for score in record.scores for f in score.findings if f.severity == "warning"] == []


def test_faces_are_those_of_fer2013_and_held_against_no_published_value():
    """The Toronto faces are not public. Every fold has a bandwidth of its own, and the error is across folds."""
    records = [r for r in Store(RESULTS).records("goodfellow2014") if r.dataset.name == "fer2013"]
    trainings = {"adversarial": 3, "cae": 5, "dbn": 5, "gsn": 3}
    expected = {(m, f"fold{k}", seed) for m, n in trainings.items() for k in range(5) for seed in range(n)}
    assert {(r.model.spec, r.fold, r.seed) for r in records} == expected
    for model in trainings:
        of_one = [r for r in records if (r.model.name, r.seed) == (model, 0)]
        assert len({r.score("parzen").values["bandwidth"].value for r in of_one}) > 1
    rows = table(records, "goodfellow2014")
    assert set(rows["standard_error_across"]) == {"folds", "seeds"}
    assert rows["published_mean"].isna().all()
    head = "FER2013 (laptop presets), measured ± SE across folds"
    assert head in (RESULTS / "tables" / "goodfellow2014.md").read_text(encoding="utf-8")


def test_chains_from_two_neutral_starts_agree_where_a_row_is_not_marked():
    """Within two combined standard errors: across test examples, and across groups of chains."""
    seen = 0
    for folder, protocol in STORED:
        for record in Store(FOLDERS[folder]).records(protocol):
            mixing = record.score("mixing")
            if mixing is None or any(finding.severity == "warning" for finding in mixing.findings):
                continue
            names = ("log_likelihood_from_noise", "log_likelihood_from_mean")
            starts = [mixing.values[name] for name in names if name in mixing.values]
            if len(starts) == 2:
                error = record.score("parzen").values["mean_log_likelihood"].standard_error
                combined = sum(start.standard_error**2 + error**2 for start in starts) ** 0.5
                assert abs(starts[0].value - starts[1].value) <= 2 * combined
                seen += 1
            assert mixing.values["own_start_share"].value < 0.01
    assert seen >= 10


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_digits_are_those_of_the_present_code(precision):
    """Their keys say so; if this fails, what they come from has changed: make them again, as results/README.md says."""
    protocol = load_protocol("digits")
    models = tuple(f"{model}[precision={precision}]" for model in protocol.models)
    plan = make_plan(Request(protocol, models))
    folder = RESULTS if precision == "float32" else RESULTS / "precision"
    assert len(plan.stored(Store(folder))) == len(plan.cells) == 20


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("models", "seeds"),
    [(("dbn", "cae"), (0, 1, 2, 3, 4)), (("gsn[precision=bfloat16]", "adversarial[precision=bfloat16]"), (0,))],
)
def test_samples_and_scores_of_mnist_are_those_of_the_present_code(models, seeds):
    """By their keys: the trainings took hours, and no change of the digits may ask for them again."""
    if not (root := os.environ.get("GANBENCH_DATA")):
        pytest.skip("GANBENCH_DATA is not set: the real data are not here")
    plan = make_plan(Request(load_protocol("goodfellow2014"), models, ("mnist",), seeds=seeds, data_root=root))
    for cell in plan.cells:
        record = Store(RESULTS).find_record("goodfellow2014", cell.place)
        training = record.training
        expected = cell.samples_key_after(training.epochs) if training.stopped else cell.samples_key
        assert record.samples.key == expected
        chains = record.samples.chains.sha256 if record.samples.chains else ""
        keys = {
            metric.name: score_key(metric, record.samples.sha256, cell.split, cell.seed, chains)
            for metric in cell.metrics
        }
        if not chains:
            del keys["mixing"]
        assert {score.metric: score.key for score in record.scores} == keys
