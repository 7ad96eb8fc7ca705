"""The Parzen metric: bandwidths chosen on validation data, values of test data, against closed forms and an oracle."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import oracles
import pytest
import torch
from clustered import images, tensors

from ganbench.metrics import PAPER_GRID, refine_bandwidth, select_bandwidth
from ganbench.metrics.parzen import Parzen, bandwidth_error, expand_grid

TOLERANCE = 1e-3  # nats per point: the accuracy that is promised


@pytest.fixture(scope="module")
def apart() -> dict[str, torch.Tensor]:
    """One sample at the origin; validation data with deviation 0.14 and test data with 0.45, in 20 dimensions."""
    rng = np.random.default_rng(3)
    valid, test = 0.14 * rng.standard_normal((500, 20)), 0.45 * rng.standard_normal((400, 20))
    return tensors(generated=np.zeros((1, 20)), valid=valid, test=test)


def best(points: torch.Tensor) -> float:
    """With one kernel at the origin the best bandwidth is sqrt(mean ||x||^2 / d)."""
    return math.sqrt(float(points.double().square().mean()))


def test_selection_takes_the_best_of_the_grid():
    valid, centres = images(50, 64, 1), images(400, 64, 2)
    selection = select_bandwidth(valid, centres, [1.0, 0.05, 0.2])
    means = [float(oracles.parzen_log_density(valid, centres, s).mean()) for s in (0.05, 0.2, 1.0)]
    assert selection.grid == (0.05, 0.2, 1.0)
    np.testing.assert_allclose(selection.mean_log_likelihoods, means, atol=TOLERANCE)
    assert selection.bandwidth == selection.grid[int(np.argmax(means))]
    assert float(selection) == selection.bandwidth


@pytest.mark.parametrize(
    ("grid", "at_edge"), [((0.5, 1.0, 2.0), True), ((0.01, 0.02), True), ((0.02, 0.15, 1.0), False)]
)
def test_an_optimum_at_the_edge_is_told(grid, at_edge):
    valid, centres = images(50, 64, 1), images(400, 64, 2)
    coarse = select_bandwidth(valid, centres, grid)
    assert coarse.at_edge is at_edge
    assert refine_bandwidth(valid, centres, coarse).at_edge is at_edge


def test_refinement_finds_the_optimum_between_grid_points():
    """One centre: the best bandwidth is sqrt(mean ||x - mu||^2 / d) in closed form."""
    rng = np.random.default_rng(0)
    valid, centre = 0.14 * rng.standard_normal((500, 20)), np.zeros((1, 20))
    optimum = math.sqrt((valid**2).sum(1).mean() / 20)
    coarse = select_bandwidth(valid, centre, PAPER_GRID)
    fine = refine_bandwidth(valid, centre, coarse)
    step = (PAPER_GRID[1] / PAPER_GRID[0]) ** (2 / 16)
    assert optimum / math.sqrt(step) <= fine.bandwidth <= optimum * math.sqrt(step)
    assert max(fine.mean_log_likelihoods) >= max(coarse.mean_log_likelihoods)
    assert len(fine.grid) in (17, 18)


def test_both_bandwidths_are_chosen_on_validation_data_and_not_on_test_data(apart):
    """The optima of the two lie apart, and a search on test data would find another, at every step."""
    values = {name: value.value for name, value in Parzen().measure(**apart).values.items()}
    step = (PAPER_GRID[1] / PAPER_GRID[0]) ** (2 / 16)
    assert values["bandwidth"] == pytest.approx(best(apart["valid"]), rel=math.sqrt(step) - 1)
    assert values["bandwidth"] < 0.9 * PAPER_GRID[2]  # what a fine search on test data would take
    assert values["grid_bandwidth"] == PAPER_GRID[1]
    assert best(apart["test"]) > PAPER_GRID[5]


def test_values_are_those_of_the_closed_form(apart):
    """log p(x) = -||x||^2 / (2 s^2) - d/2 log(2 pi s^2) for one kernel at the origin."""
    result = Parzen().measure(**apart)
    for prefix in ("", "grid_"):
        s = result.values[f"{prefix}bandwidth"].value
        square = {role: apart[role].double().square().sum(1).numpy() for role in ("valid", "test")}
        expected = {role: -square[role] / (2 * s**2) - 10 * math.log(2 * math.pi * s**2) for role in square}
        found = result.values[f"{prefix}mean_log_likelihood"]
        assert found.value == pytest.approx(expected["test"].mean(), abs=TOLERANCE)
        assert found.standard_error == pytest.approx(expected["test"].std() / math.sqrt(400), rel=1e-5)
        assert (found.unit, found.across) == ("nats", "examples")
        np.testing.assert_allclose(found.per_example, expected["test"], rtol=0, atol=TOLERANCE)
        valid = result.values[f"{prefix}valid_mean_log_likelihood"].value
        assert valid == pytest.approx(expected["valid"].mean(), abs=TOLERANCE)
        assert result.values[f"{prefix}effective_kernels"].value == 1
    assert next(iter(result.values)) == "mean_log_likelihood"


@pytest.mark.parametrize("steps", [0, 4, 16])
def test_the_whole_of_it_agrees_with_the_float64_oracle(steps):
    """Images in clusters, many samples: the search, the curves and the values, by the definition alone."""
    roles = {"generated": images(300, 16, 1), "valid": images(40, 16, 2), "test": images(30, 16, 3)}
    grid = (0.01, 0.03, 0.09, 0.27)
    result = Parzen(grid=grid, refinement_steps=steps).measure(**tensors(**roles))

    def curve(bandwidths):
        return [oracles.parzen_log_density(roles["valid"], roles["generated"], s).mean() for s in bandwidths]

    coarse = int(np.argmax(curve(grid)))
    assert 0 < coarse < 3
    searched = {"grid_": grid} if steps else {"": grid}
    if steps:
        searched[""] = sorted({*np.geomspace(grid[coarse - 1], grid[coarse + 1], steps + 1).tolist(), grid[coarse]})
    assert set(result.curves) == {f"{prefix}{name}" for prefix in searched for name in ("bandwidth", "samples")}
    for prefix, bandwidths in searched.items():
        means = curve(bandwidths)
        np.testing.assert_allclose(result.curves[f"{prefix}bandwidth"].x, bandwidths, rtol=1e-12)
        np.testing.assert_allclose(result.curves[f"{prefix}bandwidth"].y, means, rtol=0, atol=TOLERANCE)
        s = bandwidths[int(np.argmax(means))]
        assert result.values[f"{prefix}bandwidth"].value == pytest.approx(s, rel=1e-12)
        expected = oracles.parzen_log_density(roles["test"], roles["generated"], s)
        found = result.values[f"{prefix}mean_log_likelihood"]
        assert found.value == pytest.approx(expected.mean(), abs=TOLERANCE)
        assert found.standard_error == pytest.approx(expected.std() / math.sqrt(30), abs=TOLERANCE)


def test_the_first_validation_examples_choose(apart):
    """The first 100 have another deviation than the others."""
    valid = torch.cat([2.5 * apart["valid"][:100], apart["valid"]])
    for limit, examples in [(0, valid), (100, valid[:100]), (10_000, valid)]:
        result = Parzen(validation_limit=limit).measure(**apart | {"valid": valid})
        assert result.values["bandwidth"].value == pytest.approx(best(examples), rel=0.04)
    assert best(valid) < 0.9 * best(valid[:100])


@pytest.mark.parametrize("steps", [0, 8])
@pytest.mark.parametrize(
    ("grid", "told"), [((0.5, 0.7, 1.0), True), ((0.05, 0.1), True), ((0.05, 0.15, 0.9), False), ((0.14,), True)]
)
def test_an_optimum_at_the_edge_of_the_grid_that_was_searched_is_a_finding(apart, grid, told, steps):
    findings = {f.code: f for f in Parzen(grid=grid, refinement_steps=steps).measure(**apart).findings}
    assert ("bandwidth-at-edge" in findings) is told
    if told:
        assert f"the edge of the grid {grid[0]:g}..{grid[-1]:g}" in findings["bandwidth-at-edge"].text
        assert findings["bandwidth-at-edge"].severity == "warning"


def test_an_optimum_between_the_edge_and_its_neighbour_is_not_at_the_edge(apart):
    """The coarse optimum is the first of the grid; the refined one lies within: then there is nothing to warn of."""
    grid = (best(apart["valid"]) * 0.9, 0.4, 0.9)
    codes = {
        steps: [f.code for f in Parzen(grid=grid, refinement_steps=steps).measure(**apart).findings]
        for steps in (0, 16)
    }
    assert ("bandwidth-at-edge" in codes[0], "bandwidth-at-edge" in codes[16]) == (True, False)


def test_one_test_example_has_no_standard_error(apart):
    value = Parzen().measure(**apart | {"test": apart["test"][:1]}).values["mean_log_likelihood"]
    assert (value.standard_error, value.across, len(value.per_example)) == (None, "", 1)
    assert value.per_example[0] == pytest.approx(value.value, abs=1e-6)


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ([0.5, 0.1], (0.1, 0.5)),
        ((1, 2), (1.0, 2.0)),
        ({"start": 0.1, "stop": 1.0, "count": 10}, PAPER_GRID),
        ({"start": 1, "stop": 100, "count": 3}, (1.0, 10.0, 100.0)),
    ],
)
def test_grids(grid, expected):
    assert expand_grid(grid) == pytest.approx(expected, rel=1e-12)
    assert Parzen(grid=grid).grid == expand_grid(grid)


def test_the_grid_of_the_paper_is_the_table_to_the_bit():
    assert expand_grid({"start": 0.1, "stop": 1.0, "count": 10}) == PAPER_GRID


@pytest.mark.parametrize(
    "grid",
    [
        [],
        [0.0, 1.0],
        [-1.0],
        [math.nan],
        [math.inf],
        [True],
        ["0.1"],
        [[0.1]],
        [10**400],
        "0.1",
        0.1,
        None,
        [0.1] * 1001,
        {"start": 0.1, "stop": 1.0},
        {"start": 0.1, "stop": 1.0, "count": 10, "steps": 3},
        {"start": 1.0, "stop": 0.1, "count": 10},
        {"start": 0.0, "stop": 1.0, "count": 10},
        {"start": "0.1", "stop": 1.0, "count": 10},
        {"start": 0.1, "stop": True, "count": 10},
        {"start": 0.1, "stop": 1.0, "count": 10.0},
        {"start": 0.1, "stop": 1.0, "count": True},
        {"start": 0.1, "stop": 1.0, "count": 1},
        {"start": 0.1, "stop": 1.0, "count": 1001},
        {"start": 0.1, "stop": math.inf, "count": 10},
        {"start": 1e-300, "stop": 1e300, "count": 10},
    ],
    ids=lambda grid: str(grid)[:40],
)
def test_bad_grids(grid):
    with pytest.raises(
        ValueError, match=r"grid is .*accepted: 1 to 1000 positive numbers, or \{ start, stop, count \}"
    ):
        Parzen(grid=grid)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refinement_steps": 1}, "refinement_steps is 1; accepted: 0 for no second search"),
        ({"refinement_steps": -1}, "refinement_steps is -1; accepted: a whole number of at least 0"),
        ({"refinement_steps": 1001}, "refinement_steps is 1001"),
        ({"refinement_steps": True}, "refinement_steps is True"),
        ({"refinement_steps": "16"}, "refinement_steps is '16'"),
        ({"validation_limit": -1}, "validation_limit is -1"),
        ({"validation_limit": 1.5}, "validation_limit is 1.5"),
        ({"groups": 1}, "groups is 1"),
        ({"groups": 1001}, "groups is 1001"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Parzen(**settings)


def test_the_error_of_the_choice_is_the_bootstraps():
    """Curves by hand; counted over all 3^3 resamples of three examples, against 400 at random.

    The standard error of the mean of 400 squares is their deviation over 20, and four of them are allowed.
    """
    curves = np.array([[0.0, 4.0, 0.0], [2.0, 2.0, 1.0], [3.0, 0.0, 0.5]])
    means = curves.mean(1)
    every = np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(3)])
    squares = np.array([(means.max() - means[curves[:, some].mean(1).argmax()]) ** 2 for some in every])
    selection = dataclasses.replace(
        select_bandwidth(images(3, 4, 1), images(9, 4, 2), (0.1, 0.2, 0.3)), log_likelihoods=torch.from_numpy(curves)
    )
    error = bandwidth_error(selection)
    assert means.max() > means.min()
    assert error**2 == pytest.approx(squares.mean(), abs=4 * squares.std() / 20)


def test_parts_of_the_error_are_values_of_their_own(apart):
    rng = np.random.default_rng(5)
    result = Parzen().measure(**apart | {"generated": torch.from_numpy(rng.standard_normal((100, 20), np.float32))})
    for prefix in ("", "grid_"):
        headline = result.values[f"{prefix}mean_log_likelihood"]
        for suffix, across in (("samples", "samples"), ("validation", "validation examples")):
            part = result.values[f"{prefix}mean_log_likelihood_across_{suffix}"]
            assert (part.value, part.unit, part.across) == (headline.value, "nats", across)
            assert part.standard_error >= 0
            assert part.per_example == ()
    one = Parzen(grid=[0.3]).measure(**apart | {"valid": apart["valid"][:1]})  # one sample, one bandwidth
    for suffix in ("samples", "validation"):
        assert one.values[f"mean_log_likelihood_across_{suffix}"].standard_error is None
