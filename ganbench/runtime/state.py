"""The state of a model in the form in which it is stored and read again without running anything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganbench.errors import ModelError

__all__ = ["foreign_entries", "storable_state"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_SHORT = 64  # bits of a whole number that is certainly read again; of 2040 and more none is


def storable_state(state: Any) -> dict[str, Any]:
    """The state with NumPy's scalars as Python's numbers and its arrays as tensors.

    What comes out survives `torch.save` followed by ``torch.load(weights_only=True)``; tensors are taken as they are.

    Raises:
        ModelError: It is no mapping, or something in it cannot be stored; the text names the entry.
    """
    if not isinstance(state, Mapping):
        raise ModelError(f"state_dict returned {_type_name(state)}, not a dict. Return a dict of tensors and numbers.")
    try:
        return _storable(state, "state")
    except RecursionError as error:
        raise ModelError(
            "state_dict returned what holds itself, or is nested too deeply to be stored. "
            "A state holds tensors, numbers and strings, in dicts and lists."
        ) from error


def foreign_entries(state: Any, place: str = "state") -> Iterator[tuple[str, str]]:
    """Where a state holds what is no tensor, number, string or bytes, in dicts, lists and tuples: place and type."""
    if isinstance(state, Mapping):
        for key, value in state.items():
            if type(key) not in _PLAIN or not _survives(key):
                yield f"the key {key!r} of {place}", _type_name(key)
            yield from foreign_entries(value, f"{place}[{key!r}]")
    elif type(state) in (list, tuple):
        for index, value in enumerate(state):
            yield from foreign_entries(value, f"{place}[{index}]")
    elif not _survives(state):
        yield place, _type_name(state)


def _storable(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {
            _storable_leaf(k, f"the key {k!r} of {place}"): _storable(v, f"{place}[{k!r}]") for k, v in value.items()
        }
    if type(value) in (list, tuple):
        items = [_storable(item, f"{place}[{index}]") for index, item in enumerate(value)]
        return type(value)(items)
    return _storable_leaf(value, place)


def _storable_leaf(value: Any, place: str) -> Any:
    import torch

    plain = value
    if isinstance(value, np.generic):
        plain = value.item()
    elif isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):  # whose mask would be lost
        with contextlib.suppress(TypeError):  # of an array of objects, strings or long doubles, which is refused below
            plain = torch.from_numpy(np.array(value, value.dtype.newbyteorder("=")))
    if not _survives(plain):
        raise ModelError(
            f"{place} is {_type_name(value)}, which cannot be stored. "
            "A state holds tensors, numbers and strings, in dicts and lists: convert it in state_dict."
        )
    return plain


def _survives(value: Any) -> bool:
    """Whether a value can be stored and is read again with weights_only=True."""
    import torch

    if _certainly_survives(value):
        return True
    buffer = io.BytesIO()
    try:
        torch.save(value, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)
    except Exception:  # noqa: BLE001 - pickle fails in any way that the value has, and that it does is the answer
        return False
    return True


def _certainly_survives(value: Any) -> bool:
    """Whether it is known without trying, as of all that is large."""
    if _is_tensor(value):
        return not vars(value)
    if type(value) is int:
        return value.bit_length() <= _SHORT
    return type(value) in _PLAIN and value != b""


def _is_tensor(value: Any) -> bool:
    import torch

    return type(value) in (torch.Tensor, torch.nn.Parameter)


def _type_name(value: Any) -> str:
    """The type, and what makes it impossible to store this one where others of its type can be."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if kind is int:
        return f"{name} of {value.bit_length()} bits"
    if kind is bytes:
        return f"{name} of length {len(value)}"
    return f"{name} with the attributes {', '.join(vars(value))}" if _is_tensor(value) else name
