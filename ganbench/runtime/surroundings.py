"""What a model shares with those that come after it: the training data, and the settings of the process."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ganbench.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["Setting", "process_settings", "random_settings", "restored", "unchanged_surroundings"]


@dataclass(frozen=True)
class Setting:
    """Something that belongs to the whole process.

    Attributes:
        name: What it is, and what sets it.
        read: Gives its present value; values are equal if and only if nothing was changed.
        write: Sets it.
        advice: What a model does in place of changing it.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    advice: str = "Leave it as it is."


@contextlib.contextmanager
def restored(settings: Sequence[Setting]) -> Iterator[Callable[[], list[str]]]:
    """Put settings back in the end.

    Yields:
        A function that tells what has been changed so far, and what to do about it, in sentences.
    """
    before = [(setting, setting.read()) for setting in settings]

    def changed() -> list[str]:
        return [f"{s.name} was changed. {s.advice}" for s, value in before if s.read() != value]

    try:
        yield changed
    finally:
        for setting, value in before:
            if setting.read() != value:
                setting.write(value)


@contextlib.contextmanager
def unchanged_surroundings(train: torch.Tensor, source: np.ndarray) -> Iterator[Callable[[], None]]:
    """Demand that the code within changes neither its training data nor the settings of the process.

    The settings are put back in any case; the training data cannot be, so they must be the model's own copy.

    Args:
        train: `[n, *event_shape]` training data, which the code is given; no memory is shared with `source`.
        source: The array that they were copied from.

    Yields:
        A function that makes the same examination at once, which may be called after the first epoch.

    Raises:
        ModelError: Something was changed; the text names all of it, and what to do.
    """
    with restored((*process_settings(), *random_settings())) as changed:

        def examine() -> None:
            findings = changed()
            if not _equal(train, source):
                findings.append("the training data were changed in place. Work on a copy, as in train = train.clone().")
            if findings:
                raise ModelError(f"A model must leave alone what it shares with others: {' Also, '.join(findings)}")

        yield examine
        examine()


def _equal(train: torch.Tensor, source: np.ndarray) -> bool:
    import torch

    return torch.equal(train.detach().cpu(), torch.from_numpy(source))


def process_settings() -> tuple[Setting, ...]:
    """The defaults of torch and NumPy, the working directory and the standard output."""
    return (
        *_torch_settings(),
        Setting(
            "NumPy's way with floating-point errors (numpy.seterr)",
            np.geterr,
            lambda ways: np.seterr(**ways),
            "Use `with numpy.errstate(...):`.",
        ),
        Setting("the working directory (os.chdir)", os.getcwd, os.chdir, "Use whole paths."),
        Setting(
            "sys.stdout",
            lambda: sys.stdout,
            lambda stream: setattr(sys, "stdout", stream),
            "Use `with contextlib.redirect_stdout(...):`.",
        ),
    )


def _torch_settings() -> tuple[Setting, ...]:
    import torch

    cudnn = torch.backends.cudnn

    def write_cudnn(flags: tuple[bool, bool]) -> None:
        cudnn.benchmark, cudnn.deterministic = flags

    return (
        Setting(
            "torch's default data type (torch.set_default_dtype)",
            torch.get_default_dtype,
            torch.set_default_dtype,
            "Give dtype=... to each function that makes a tensor.",
        ),
        Setting(
            "torch's default device (torch.set_default_device)",
            lambda: str(torch.get_default_device()),
            lambda device: torch.set_default_device(None if device == "cpu" else device),
            "Give device=self.device to each function that makes a tensor.",
        ),
        Setting(
            "the number of threads (torch.set_num_threads)",
            torch.get_num_threads,
            torch.set_num_threads,
            "It decides the last bits of every model; the harness sets it.",
        ),
        Setting(
            "whether gradients are recorded (torch.set_grad_enabled)",
            torch.is_grad_enabled,
            torch.set_grad_enabled,
            "Use `with torch.no_grad():` around what needs none.",
        ),
        Setting(
            "whether algorithms are deterministic (torch.use_deterministic_algorithms)",
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            ),
            lambda flags: torch.use_deterministic_algorithms(flags[0], warn_only=flags[1]),
        ),
        Setting(
            "the precision of float32 products (torch.set_float32_matmul_precision)",
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
            "Use `with torch.autocast(...):`, or cast what may be less precise.",
        ),
        Setting(
            "torch.backends.cudnn.benchmark or .deterministic",
            lambda: (cudnn.benchmark, cudnn.deterministic),
            write_cudnn,
        ),
    )


def random_settings() -> tuple[Setting, ...]:
    """The global random states of torch, NumPy and Python."""
    import torch

    def read_torch() -> bytes:
        return torch.get_rng_state().numpy().tobytes()

    def write_torch(state: bytes) -> None:
        torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))

    def read_cuda() -> list[bytes]:
        return [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]

    def write_cuda(states: list[bytes]) -> None:
        torch.cuda.set_rng_state_all([torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in states])

    def read_numpy() -> tuple[Any, ...]:
        name, key, *rest = cast(tuple[Any, ...], np.random.get_state())  # noqa: NPY002 - the global state is watched
        return name, key.tobytes(), *rest

    def write_numpy(state: tuple[Any, ...]) -> None:
        np.random.set_state((state[0], np.frombuffer(state[1], np.uint32), *state[2:]))  # noqa: NPY002

    advice = "Draw from the generator that is passed in: generator=generator."
    on_cuda = [Setting("torch's global random state on CUDA", read_cuda, write_cuda, advice)]
    return (
        Setting("torch's global random state", read_torch, write_torch, advice),
        *(on_cuda if torch.cuda.is_initialized() else []),
        Setting("NumPy's global random state", read_numpy, write_numpy, advice),
        Setting("Python's global random state", random.getstate, random.setstate, advice),
    )
