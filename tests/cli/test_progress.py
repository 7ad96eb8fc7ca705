"""What a user sees while cells run: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import sys

import pytest

from ganbench.cli import progress

OUTCOME = r"PixelwiseGaussian standard seed 0: -?\d+\.\d ± \d+\.\d nats at bandwidth \d\.\d{3}"


@pytest.fixture
def path(toy_protocol, toys):
    return toy_protocol(models=[f"{toys}:PixelwiseGaussian[epochs=3]"])


def test_a_log_gets_a_line_for_every_cell(command, toy_protocol, toys):
    *_, line = command("run-all", "--protocol", toy_protocol(models=[f"{toys}:PixelwiseGaussian"]))[2].splitlines()
    assert re.search(OUTCOME + "$", line)


def test_a_log_gets_lines_of_a_long_training(command, path, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    lines = command("run-all", "--protocol", path)[2].splitlines()
    epochs = [re.search(r"standard: epoch (\d) of 3, \w+ \S+$", line) for line in lines]
    assert [int(found[1]) for found in epochs if found] == [1, 2, 3]


def test_a_log_does_not_get_lines_of_a_short_training(command, path):
    assert "epoch 1" not in command("run-all", "--protocol", path)[2]


def test_a_terminal_gets_bars_and_the_outcome(command, toy_protocol, toys, monkeypatch):
    protocol = toy_protocol(models=[f"{toys}:PixelwiseGaussian"])
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: True)
    err = command("run-all", "--protocol", protocol)[2]
    assert re.search(OUTCOME, err)
    assert re.search(r"100%.*1/1", err)


def test_quiet_is_quiet_on_a_terminal(command, path, monkeypatch):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: True)
    assert command("run-all", "--protocol", path, "--quiet")[2] == ""
