"""Steps of training without the cost of launching their operations one by one."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["Replayed"]

_EAGER_CALLS = 3  # cuBLAS and the allocator settle before a capture


class Replayed:
    """A step that is recorded as a CUDA graph and replayed; without CUDA, the step itself.

    The first calls with inputs of a shape are ordinary ones and do their work like any other. Then the step is
    recorded, and every further call copies its inputs into the recorded ones and launches the whole at once. Random
    numbers go on from where they were, as the generator is part of the graph. An input that is a number, a learning
    rate for instance, becomes a tensor `[]` on CUDA, so that it may differ from call to call; whatever else the step
    reads must stay as it was when it was recorded.

    Source: PyTorch's documentation of `torch.cuda.CUDAGraph`.

    Args:
        step: A function of tensors and numbers to a tensor, which changes tensors in place and never waits for the
            device.
        generator: The source of its randomness.
    """

    def __init__(self, step: Callable[..., torch.Tensor], generator: torch.Generator) -> None:
        self._step, self._generator = step, generator
        self._calls: dict[tuple[torch.Size, ...], int] = {}
        self._recorded: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, *inputs: torch.Tensor | float) -> torch.Tensor:
        """The step's result, which later calls do not change."""
        if self._generator.device.type != "cuda":
            return self._step(*inputs)
        tensors = [torch.as_tensor(value, device=self._generator.device) for value in inputs]
        shapes = tuple(tensor.shape for tensor in tensors)
        calls = self._calls[shapes] = self._calls.get(shapes, 0) + 1
        if calls <= _EAGER_CALLS:
            return self._step(*tensors)
        if shapes not in self._recorded:
            self._recorded[shapes] = _Recording(self._step, tensors, self._generator)
        return self._recorded[shapes].replay(tensors)


class _Recording:
    """A step recorded for inputs of given shapes."""

    def __init__(
        self, step: Callable[..., torch.Tensor], inputs: list[torch.Tensor], generator: torch.Generator
    ) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(generator)
        torch.cuda.synchronize(generator.device)
        with torch.cuda.device(generator.device), torch.cuda.graph(self._graph):
            self._output = step(*self._inputs)

    def replay(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Run what was recorded on other inputs."""
        torch._foreach_copy_(self._inputs, inputs)
        self._graph.replay()
        return self._output.clone()
