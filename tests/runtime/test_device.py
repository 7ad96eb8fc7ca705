"""The choice of a device."""

from __future__ import annotations

import pytest
import torch

from ganbench.errors import UsageError
from ganbench.runtime.device import resolve_device, resolve_devices
from ganbench.runtime.precision import resolve_precision


def test_the_processor_is_always_there():
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(("present", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_auto(monkeypatch, present, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert resolve_device("auto") == chosen
    assert resolve_device() == chosen


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "meta"])
def test_what_is_no_device(name):
    with pytest.raises(UsageError, match=r"Unknown device .* Accepted: auto, cpu, cuda, cuda:N, mps"):
        resolve_device(name)


def test_what_is_not_here(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == "cuda:1"
    for name in ("cuda:2", "mps"):
        if name == "mps" and torch.backends.mps.is_available():
            continue
        with pytest.raises(UsageError, match="not available here"):
            resolve_device(name)


def test_precisions_are_named():
    assert resolve_precision("float32") is torch.float32
    assert resolve_precision("bfloat16") is torch.bfloat16
    with pytest.raises(ValueError, match="precision is 'float16'; accepted: 'float32', 'bfloat16'"):
        resolve_precision("float16")


def test_all_gpus_of_a_machine(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert resolve_devices("cuda:all") == ("cuda:0", "cuda:1", "cuda:2")
    assert resolve_devices("cpu") == ("cpu",)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no GPU is available here"):
        resolve_devices("cuda:all")
