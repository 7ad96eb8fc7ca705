"""States as they are stored."""

from __future__ import annotations

import enum
import io
import pickle
from collections import OrderedDict, deque, namedtuple

import numpy as np
import pytest
import torch

from ganbench.errors import ModelError
from ganbench.runtime.state import foreign_entries, storable_state

Pair = namedtuple("Pair", "a b")
Colour = enum.IntEnum("Colour", "RED")


def _stored_and_loaded(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def _with_attribute(tensor, note):
    tensor.note = note
    return tensor


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("adam"), "adam"),
        (0.1, 0.1),
        ("adam", "adam"),
        (None, None),
        (2**2000, 2**2000),
        (b"adam", b"adam"),
        (torch.Size([2, 3]), torch.Size([2, 3])),
        ((1, [np.int8(2), {"x": np.uint8(4)}]), (1, [2, {"x": 4}])),
        ({np.int64(5): 1, "k": 2}, {5: 1, "k": 2}),
        (OrderedDict(a=1), {"a": 1}),
    ],
)
def test_scalars_and_containers(value, stored):
    loaded = _stored_and_loaded(storable_state({"value": value}))["value"]
    assert loaded == stored
    assert type(loaded) is type(stored)


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f2", "f8", "i8", ">i2", "u2", "?", "c8"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_arrays_become_tensors_of_their_own(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    stored = storable_state({"array": array})["array"]
    assert isinstance(stored, torch.Tensor)
    assert stored.shape == shape
    np.testing.assert_array_equal(stored.numpy(), array)
    array[...] = 1
    assert not shape or not stored.any() or not torch.equal(stored, torch.ones_like(stored))
    _stored_and_loaded({"array": stored})


def test_tensors_are_taken_as_they_are():
    layer = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.zeros(1, 2)).sum().backward()
    optimiser.step()
    state = {"layer": layer.state_dict(), "weight": layer.weight, "optimiser": optimiser.state_dict()}
    stored = storable_state(state)
    assert stored["weight"] is layer.weight
    assert stored["layer"]["bias"] is state["layer"]["bias"]
    assert stored["optimiser"]["param_groups"] == state["optimiser"]["param_groups"]
    assert list(foreign_entries(state)) == []
    _stored_and_loaded(stored)


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ({"a": [0, {"b": object()}]}, r"state\['a'\]\[1\]\['b'\] is object"),
        ({"f": len}, r"state\['f'\] is builtin_function_or_method"),
        ({"d": deque([1])}, r"state\['d'\] is collections.deque"),
        ({"n": Pair(1, 2)}, r"state\['n'\] is .*Pair"),
        ({"e": Colour.RED}, r"state\['e'\] is .*Colour"),
        ({"t": np.datetime64("2020-01-01")}, r"state\['t'\] is numpy.datetime64"),
        ({"l": np.longdouble(1)}, r"state\['l'\] is numpy.longdouble"),
        ({"l": np.zeros(2, np.longdouble)}, r"state\['l'\] is numpy.ndarray"),
        ({"o": np.array([object()])}, r"state\['o'\] is numpy.ndarray"),
        ({"m": np.ma.array([1.0, 2.0], mask=[False, True])}, r"state\['m'\] is numpy.ma.MaskedArray"),
        ({2**3000: 1}, r"the key \d+ of state is int of 3001 bits"),
        ({object: 1}, r"the key <class 'object'> of state is type"),
        (None, "state_dict returned NoneType, not a dict"),
    ],
)
def test_what_cannot_be_stored_is_named(state, place):
    with pytest.raises(ModelError, match=place):
        storable_state(state)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**2040, "int of 2041 bits"),
        (-(2**3000), "int of 3001 bits"),
        (b"", "bytes of length 0"),
        (_with_attribute(torch.zeros(2), len), "torch.Tensor with the attributes note"),
        (_with_attribute(torch.nn.Parameter(torch.zeros(2)), np.int64(3)), ".*Parameter with the attributes note"),
    ],
    ids=["long", "longer", "empty bytes", "tensor", "parameter"],
)
def test_what_torch_would_write_and_not_read_again(value, said):
    with pytest.raises(pickle.UnpicklingError):
        _stored_and_loaded({"value": value})
    with pytest.raises(ModelError, match=rf"^state\['value'\] is {said}"):
        storable_state({"value": value})
    assert list(foreign_entries({"value": value}))


def test_attributes_of_tensors_that_are_read_again():
    weight = _with_attribute(torch.nn.Parameter(torch.zeros(2)), True)
    assert _stored_and_loaded(storable_state({"weight": weight}))["weight"].note is True


def test_a_state_that_holds_itself():
    state = {"a": 1}
    state["again"] = state
    with pytest.raises(ModelError, match="holds itself"):
        storable_state(state)


def test_entries_that_the_contract_does_not_know():
    state = {"a": np.float64(1), "b": [np.zeros(2), 1.0, torch.zeros(1)], np.int64(3): {"c": len}}
    assert dict(foreign_entries(state)) == {
        "state['a']": "numpy.float64",
        "state['b'][0]": "numpy.ndarray",
        "the key np.int64(3) of state": "numpy.int64",
        "state[np.int64(3)]['c']": "builtin_function_or_method",
    }
