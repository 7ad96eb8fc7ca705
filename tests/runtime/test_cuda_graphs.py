"""Replayed steps: the same numbers as ordinary ones."""

import pytest
import torch

from ganbench.runtime.cuda_graphs import Replayed


def _run(device: str, replayed: bool, sizes: list[int]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """A step that draws random numbers, changes a tensor in place and returns another, for batches of some sizes."""
    generator = torch.Generator(device).manual_seed(0)
    total = torch.zeros(3, device=device)

    def step(batch, rate):
        noise = torch.rand(batch.shape, generator=generator, device=device)
        total.add_(((batch + noise) * rate).sum(0))
        return total * 2

    function = Replayed(step, generator) if replayed else step
    inputs = [torch.full((n, 3), float(number), device=device) for number, n in enumerate(sizes)]
    return [function(batch, 0.5 + number).clone() for number, batch in enumerate(inputs)], total


def test_without_cuda_it_is_the_step_itself():
    for mine, expected in zip(*(_run("cpu", replayed, [4, 4, 2])[0] for replayed in (True, False)), strict=True):
        assert torch.equal(mine, expected)


@pytest.mark.cuda
def test_on_cuda_replays_go_on_with_random_numbers_and_take_new_inputs(cuda):
    sizes = [4] * 8 + [2] + [4] * 3
    outputs, total = _run(cuda, True, sizes)
    expected, expected_total = _run(cuda, False, sizes)
    for mine, other in zip(outputs, expected, strict=True):
        assert torch.equal(mine, other)
    assert torch.equal(total, expected_total)
