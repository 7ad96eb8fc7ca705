"""The bytes of all tensors that are alive: what a function takes beyond its inputs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """While it is entered, `peak` is the largest sum of the sizes of tensors that were made and not yet freed.

    It sees what the thread does that entered it, and the functions that `counted` gives, wherever they run.
    """

    def __init__(self, *inputs: torch.Tensor) -> None:
        super().__init__()
        self._inputs = {tensor.untyped_storage().data_ptr() for tensor in inputs}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._lock = threading.Lock()
        self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        with self._lock:
            self._note(result)
        return result

    def _note(self, result) -> None:
        self._alive = {place: item for place, item in self._alive.items() if not item[0].expired()}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self._inputs:
                storage = tensor.untyped_storage()
                self._alive[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))

    def counted(self, function: Callable) -> Callable:
        """The function, with what it makes in another thread counted too."""

        def run(*args):
            with _Elsewhere(self):
                return function(*args)

        return run


class _Elsewhere(TorchDispatchMode):
    """The same count in another thread."""

    def __init__(self, count: LiveBytes) -> None:
        super().__init__()
        self._count = count

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return self._count.__torch_dispatch__(function, types, args, kwargs)
