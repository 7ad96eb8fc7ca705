"""`ParzenWindow` beside scikit-learn's own estimator, in scikit-learn's own tools."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import oracles
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from ganbench.metrics import PAPER_GRID, ParzenWindow


def points(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d))


@pytest.mark.parametrize("estimator", [ParzenWindow(), ParzenWindow(bandwidth=0.5)])
def test_it_is_an_estimator_by_all_checks_of_scikit_learn(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that do not apply here
        results = check_estimator(estimator, on_fail=None)
    assert len(results) > 30
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 5e-4)])
def test_it_agrees_with_scikit_learns_kernel_density(dtype, tolerance):
    """Which is exact with all examples in one leaf; its trees of small ones are 2.6e-3 nats off here."""
    examples, test = points(300, 20, 0).astype(dtype), points(50, 20, 1).astype(dtype)
    ours, theirs = (e.fit(examples) for e in (ParzenWindow(0.2), KernelDensity(bandwidth=0.2, leaf_size=300)))
    np.testing.assert_allclose(ours.score_samples(test), theirs.score_samples(test), rtol=0, atol=tolerance)
    assert ours.score(test) == pytest.approx(theirs.score(test), abs=50 * tolerance)
    assert ours.score(test) == pytest.approx(oracles.parzen_log_density(test, examples, 0.2).sum(), abs=50 * tolerance)


def test_a_bandwidth_is_chosen_by_cross_validation():
    """Each fold under the kernels of the others, by the oracle; in the same folds as GridSearchCV."""
    examples, grid = points(60, 3, 0), [0.03, 0.1, 0.3, 0.9]
    totals = [
        sum(oracles.parzen_log_density(examples[v], examples[t], s).sum() for t, v in KFold(5).split(examples))
        for s in grid
    ]
    chosen = ParzenWindow(grid=grid).fit(examples).bandwidth_
    assert chosen == grid[int(np.argmax(totals))]
    search = GridSearchCV(ParzenWindow(), {"bandwidth": grid}, cv=KFold(5)).fit(examples)
    assert search.best_params_ == {"bandwidth": chosen}
    assert search.best_score_ == pytest.approx(max(totals) / 5, rel=1e-9)


def test_folds_may_be_a_splitter_and_are_no_more_than_there_are_examples():
    examples = points(40, 2, 0)
    assert ParzenWindow(cv=KFold(3, shuffle=True, random_state=0)).fit(examples).bandwidth_ in PAPER_GRID
    assert ParzenWindow().fit(examples[:2]).bandwidth_ in PAPER_GRID


def test_it_stands_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), ParzenWindow(0.5)).fit(points(50, 4, 0))
    assert pipeline.score_samples(points(7, 4, 1)).shape == (7,)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan, np.inf, True, "silverman", None])
def test_bad_bandwidths(bandwidth):
    with pytest.raises(ValueError, match=r"bandwidth is .*accepted: a positive number, or 'cross-validated'"):
        ParzenWindow(bandwidth).fit(points(10, 2, 0))


def test_what_cannot_be_used_is_said():
    with pytest.raises(ValueError, match="cross-validated on 1 sample"):
        ParzenWindow().fit(points(1, 2, 0))
    with pytest.raises(ValueError, match="grid is"):
        ParzenWindow(grid=[0.0]).fit(points(10, 2, 0))
    with pytest.raises(NotFittedError):
        ParzenWindow().score_samples(points(1, 2, 0))
    with pytest.raises(ValueError, match="features"):
        ParzenWindow(1.0).fit(points(3, 2, 0)).score(points(3, 5, 0))


def test_importing_the_metrics_imports_no_scikit_learn():
    probe = "import ganbench.metrics, sys; print('sklearn' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
