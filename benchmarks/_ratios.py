"""What the ratios of the suite are made of: times taken in turns, and a step's own matrix products, replayed alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

__all__ = ["DEVICES", "RecordedProducts", "medians_in_turns", "product_rate"]

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
_PRODUCTS = ("aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "mkldnn::_linear_pointwise")


def _seconds(function: Callable[[], Any]) -> float:
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    begun = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - begun


def medians_in_turns(functions: Sequence[Callable[[], Any]], rounds: int = 5) -> list[float]:
    """The median time of each function in seconds, all called once in every round, so that a drift hits all alike."""
    for function in functions:
        function()
    times = [[_seconds(function) for function in functions] for _ in range(rounds)]
    return [median(column) for column in zip(*times, strict=True)]


def product_rate(n: int, m: int, d: int, device: str = "cpu") -> Callable[[], Any]:
    """A bare matrix product `[n, d] [d, m]` in float32 into memory that is there already, to be timed."""
    generator = torch.Generator(device).manual_seed(2)
    left, right = (torch.rand(rows, d, generator=generator, device=device) for rows in (n, m))
    out = torch.empty(n, m, device=device)
    return lambda: torch.mm(left, right.T, out=out)


class RecordedProducts(TorchDispatchMode):
    """While it is entered, matrix products are counted and the first of them remembered; `replay` runs these alone.

    Operands are copied with their strides, and what shared memory does so in the copy: a weight that is used three
    times is read from the same place three times, as in the step.

    Args:
        most: How many products are remembered.
    """

    def __init__(self, most: int = 0) -> None:
        super().__init__()
        self.count, self._most = 0, most
        self._calls: list[tuple[Any, Any, Any]] = []
        self._copies: dict[int, torch.Tensor] = {}
        self._kept: list[torch.Tensor] = []  # so that no memory is given out twice while it is recorded

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and remember a product, and run whatever it is."""
        if function._schema.name in _PRODUCTS:
            self.count += 1
            if self.count <= self._most:
                self._calls.append((function, tree_map(self._copy, args), tree_map(self._copy, kwargs or {})))
        return function(*args, **(kwargs or {}))

    @classmethod
    def of_one_of(cls, steps: int, function: Callable[[], Any]) -> RecordedProducts:
        """The products of the first of the `steps` alike steps that a function makes."""
        with cls() as counted:
            function()
        with cls(counted.count // steps) as recorded:
            function()
        recorded._kept.clear()
        return recorded

    @property
    def multiplications(self) -> int:
        """Multiplications of numbers in all products that are remembered."""
        return sum(left.numel() * right.shape[1] for left, right in map(_factors, self._calls))

    def replay(self, times: int = 1) -> None:
        """Run the products in their order, by the operators of the step, and again."""
        for _ in range(times):
            for function, args, kwargs in self._calls:
                function(*args, **kwargs)

    def plain(self) -> Callable[[int], None]:
        """A function that runs the same products by `torch.mm` into memory that is there already, some times."""
        factors = [_factors(call) for call in self._calls]
        products = [(left, right, left @ right) for left, right in factors]

        def run(times: int = 1) -> None:
            for _ in range(times):
                for left, right, out in products:
                    torch.mm(left, right, out=out)

        return run

    def _copy(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        storage = value.untyped_storage()
        if storage.data_ptr() not in self._copies:
            whole = torch.empty(0, dtype=value.dtype, device=value.device).set_(storage)
            self._kept.append(whole)
            self._copies[storage.data_ptr()] = whole.clone()
        copy = self._copies[storage.data_ptr()]
        return copy.as_strided(value.shape, value.stride(), value.storage_offset())


def _factors(call: tuple[Any, Any, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The two matrices that are multiplied in a call."""
    function, args, _ = call
    if "_linear" in function._schema.name:
        return args[0], args[1].T
    return tuple(value for value in args if isinstance(value, torch.Tensor))[-2:]
