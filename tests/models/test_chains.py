from __future__ import annotations

import pytest
import torch
from ganbench_models.chains import ChainSettings, run_chains


class CountingChains:
    """The state is the number of steps taken; the visible part of chain i after t steps is [t, i]."""

    def __init__(self) -> None:
        self.steps = 0
        self.started: list[int] = []

    def start(self, chains: int) -> tuple[int, int]:
        self.started.append(chains)
        return 0, chains

    def step(self, state: tuple[int, int]) -> tuple[tuple[int, int], torch.Tensor]:
        time, chains = state
        self.steps += 1
        return (time + 1, chains), torch.tensor([[time + 1, chain] for chain in range(chains)])


def expected_rows(n: int, settings: ChainSettings) -> list[list[int]]:
    """The definition, written as a filter over a chain that is far too long."""
    chains = min(settings.chains, n)
    kept = [t for t in range(1, 10_000) if t > settings.burn_in and (t - settings.burn_in) % settings.thinning == 0]
    return [[t, chain] for t in kept for chain in range(chains)][:n]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 9])
@pytest.mark.parametrize("settings", [(1, 0, 1), (4, 0, 1), (4, 5, 1), (4, 0, 3), (3, 2, 4), (100, 7, 2)])
def test_chains_burn_in_and_thinning_are_honoured_exactly(n: int, settings: tuple[int, int, int]) -> None:
    chains = CountingChains()
    wanted = ChainSettings(*settings)
    rows = run_chains(chains.step, chains.start, n, wanted)
    assert rows.tolist() == expected_rows(n, wanted)
    side_by_side = min(wanted.chains, n)
    assert chains.started == [side_by_side]
    assert chains.steps == wanted.burn_in + -(-n // side_by_side) * wanted.thinning


def test_samples_have_the_visible_type_and_no_gradient() -> None:
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    rows = run_chains(lambda s: (s * weight, s * weight), lambda c: weight.new_ones(c, 2), 5, ChainSettings(2, 1, 1))
    assert rows.dtype == torch.float64
    assert rows.shape == (5, 2)
    assert not rows.requires_grad


def test_a_visible_part_that_is_overwritten_in_place_is_still_kept() -> None:
    buffer = torch.zeros(1)
    rows = run_chains(lambda s: (s, buffer.add_(1)), lambda c: None, 3, ChainSettings(1, 0, 1))
    assert rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ((0, 0, 1), "chains"),
        ((1, -1, 1), "burn_in"),
        ((1, 0, 0), "thinning"),
        ((1.5, 0, 1), "chains"),
        ((True, 0, 1), "chains"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: tuple, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be a whole number of at least \d, not "):
        ChainSettings(*settings)


def test_no_samples_are_refused() -> None:
    chains = CountingChains()
    with pytest.raises(ValueError, match="at least 1, not 0"):
        run_chains(chains.step, chains.start, 0, ChainSettings(1, 0, 1))
