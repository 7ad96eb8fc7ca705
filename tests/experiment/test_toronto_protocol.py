"""The Toronto protocol on a file in the format of the Toronto Face Database, by the protocol of the paper itself.

Models are trained once, on the unlabelled images. Each of five folds chooses its own bandwidth on its own validation
images; the error is taken across folds.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from oracles import parzen_log_density
from scipy.io import savemat
from serial_runs import run_serially

from ganbench.experiment.plan import Request, make_plan
from ganbench.protocols import ChainRule, load_protocol
from ganbench.records.frame import score_frame
from ganbench.records.store import Store
from ganbench.reports.table1 import render_table

_N_UNLABELLED, _N_LABELLED, _N_SAMPLES = 30, 50, 24
_GAME = (
    "stages=[{generator=[{layer='relu',units=6,weight_range=0.05},{layer='sigmoid',units=2304,sparse_weights=3}],"
    "discriminator=[{layer='maxout',units=3,pieces=2,weight_range=0.005},{layer='sigmoid',units=1,weight_range=0.005}]}]"
)
_MODELS = {
    "dbn": "dbn[hidden_sizes=[5,4],epochs=[1,1],particles=10]",
    "cae": "cae[hidden_sizes=[5,4],epochs=[1,1]]",
    "gsn": "gsn[hidden_sizes=[5,4],epochs=2]",
    "adversarial": f"adversarial[{_GAME},epochs=[2]]",
}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """A folder with `TFD_48x48.mat`: faint images are validated on in the first fold, strong ones in the last."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(5)
    n = _N_UNLABELLED + _N_LABELLED
    unlabelled = np.arange(n) % 8 < 3  # mixed with the others, as in the file
    assert unlabelled.sum() == _N_UNLABELLED
    part = np.full(n, -1)
    part[~unlabelled] = np.arange(_N_LABELLED) // 10
    contrast = np.where(unlabelled, 100, np.array([3, 20, 50, 90, 125])[part])
    images = 128 + contrast[:, None, None] * rng.uniform(-1, 1, (n, 48, 48))
    folds = np.stack([np.where(part == k, 2, np.where(part == (k + 2) % 5, 3, 1)) for k in range(5)], axis=1)
    folds[unlabelled] = 0
    expressions = np.where(unlabelled, -1, 1 + np.arange(n) % 7).astype(np.int16)
    savemat(
        root / "TFD_48x48.mat",
        {
            "images": images.astype(np.uint8),
            "folds": folds.astype(np.uint8),
            "labs_ex": expressions[:, None],
            "labs_id": np.ones((n, 1), np.int16),
        },
    )
    return root


@pytest.fixture(scope="module")
def run(data_root, tmp_path_factory):
    """The plan, its records by model and fold, and the store."""
    paper = load_protocol("goodfellow2014")
    small = ChainRule(starts=paper.chains.starts, chains=8, least_burn_in=2, most_burn_in=3)
    protocol = msgspec.structs.replace(paper, n_samples=_N_SAMPLES, chains=small)
    request = Request(protocol, tuple(_MODELS.values()), ("tfd",), data_root=str(data_root))
    store = Store(tmp_path_factory.mktemp("results"))
    store.prepare()
    return make_plan(request), run_serially(request, store), store


def _flat(images):
    return images.reshape(len(images), -1)


def _of(records, model):
    return [record for record in records if record.model.name == model]


def test_every_model_is_scored_on_every_fold(run):
    plan, records, store = run
    assert [record.reason for record in records] == [""] * 20
    for model in _MODELS:
        assert [record.fold for record in _of(records, model)] == [f"fold{k}" for k in range(5)]
    assert len(plan.stored(store)) == 20  # and none of it is computed again


def test_one_training_serves_all_folds(run):
    plan, records, _ = run
    cells = plan.cells
    assert len({cell.train_key for cell in cells}) == len({cell.samples_key for cell in cells}) == 4
    assert all(cell.split.train is cells[0].split.train for cell in cells)
    assert len(cells[0].split.train) == _N_UNLABELLED
    for model in _MODELS:
        of_model = _of(records, model)
        assert len({record.samples.sha256 for record in of_model}) == 1
        assert [record.timing.train_seconds is not None for record in of_model] == [True, *[False] * 4]


@pytest.mark.parametrize("model", _MODELS)
def test_every_fold_has_its_own_bandwidth_and_its_own_test_images(run, model):
    plan, records, store = run
    splits = {cell.split.name: cell.split for cell in plan.cells}
    grid = np.logspace(math.log10(0.046415888336127774), 0, 13)
    chosen = []
    for record in _of(records, model):
        split, values = splits[record.fold], record.score("parzen").values
        samples, _ = store.read_samples(record.samples.key)
        at = [parzen_log_density(_flat(split.valid), _flat(samples), width).mean() for width in grid]
        best = grid[int(np.argmax(at))]
        expected = parzen_log_density(_flat(split.test), _flat(samples), best)
        assert values["grid_bandwidth"].value == pytest.approx(best, rel=1e-9)
        assert values["grid_mean_log_likelihood"].value == pytest.approx(expected.mean(), rel=1e-6)
        assert len(values["mean_log_likelihood"].per_example) == 10
        chosen.append(best)
    assert chosen[0] < chosen[-1]


def test_the_error_is_taken_across_folds(run):
    plan, records, _ = run
    frame = score_frame(records, plan.request.protocol)
    for model in _MODELS:
        means = [record.score("parzen").values["mean_log_likelihood"].value for record in _of(records, model)]
        (row,) = frame[frame.model.str.startswith(model)].itertuples()
        assert row.standard_error_across == "folds"
        assert row.value == pytest.approx(np.mean(means))
        assert row.standard_error == pytest.approx(np.std(means) / math.sqrt(5))
        assert row.standard_error_unbiased == pytest.approx(np.std(means, ddof=1) / math.sqrt(5))
        assert row.n_test == 50
    assert "TFD, measured ± SE across folds" in render_table(frame, plan.request.protocol, "text")
