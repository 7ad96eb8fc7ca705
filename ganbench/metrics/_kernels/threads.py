"""Threads that work side by side, each with a part of torch's.

torch deals every operation out to threads of OpenMP, which meet at its end and keep their cores busy, spinning, until
the next. Where operations take a fraction of a millisecond, and something else than torch works between them, most of
the time goes into that. Threads with rows of their own meet once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

__all__ = ["side_by_side"]

NUMBERS_OF = ""  # those of the importer, another way

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int) -> list[_Result]:
    """The results of a function for all items, which are dealt out to threads; by one thread it is called here.

    torch's threads are shared out among them; how many there are here, and elsewhere, stays as it is. Products of
    float32 by oneDNN keep to their share; those by MKL do not where torch was told its number of threads. The threads
    have ended when it returns or raises.

    Raises:
        Exception: What the function raised for the first item for which it did; those not begun are left out.
    """
    if threads == 1:
        return [function(item) for item in items]
    openmp, share, inference = _openmp(), max(1, torch.get_num_threads() // threads), torch.is_inference_mode_enabled()

    def begin() -> None:
        torch.get_num_threads()  # when it first computes, torch sets the number of a thread, which would undo the next
        openmp.limit(limits=share)  # of this thread alone

    def run(item: _Item) -> _Result:
        with torch.inference_mode(inference):
            return function(item)

    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        return list(pool.map(run, items))


@cache
def _openmp() -> ThreadpoolController:
    """The libraries of OpenMP that are loaded, torch's among them."""
    return ThreadpoolController().select(user_api="openmp")
