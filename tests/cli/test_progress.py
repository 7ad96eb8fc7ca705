"""What a user sees while cells run: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import sys

import pytest

from ganbench.cli import progress

OUTCOME = r"PixelwiseGaussian standard seed 0: mean log likelihood -?\d+\.\d ± \d+\.\d nats"


@pytest.fixture
def path(toy_protocol, toys):
    return toy_protocol(models=[f"{toys}:PixelwiseGaussian[epochs=3]"])


def test_a_log_gets_a_line_for_every_cell(command, toy_protocol, toys):
    err = command("run-all", "--protocol", toy_protocol(models=[f"{toys}:PixelwiseGaussian"]))[2]
    assert re.search(OUTCOME + "$", err, re.MULTILINE)


def test_a_log_gets_lines_of_a_long_training(command, path, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    lines = command("run-all", "--protocol", path, "--jobs", "0")[2].splitlines()
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


def test_a_terminal_gets_a_bar_for_each_cell_that_is_running(capsys, toy_protocol, toys):
    from ganbench.experiment.plan import Request, make_plan
    from ganbench.protocols import load_protocol

    models = tuple(f"{toys}:PixelwiseGaussian[epochs={n}]" for n in (5, 9))
    plan = make_plan(Request(load_protocol(toy_protocol(models=models))))
    bars = progress.ProgressBars()
    bars.planned(plan, list(plan.cells))
    for epoch in (1, 3):
        for cell, total in zip(plan.cells, (5, 9), strict=True):
            bars.epoch_finished(cell, epoch, total, {"loss": 0.5})
    assert [(bar.n, bar.total) for bar in bars._epochs.values()] == [(3, 5), (3, 9)]
    bars.step_started(plan.cells[0], "sample")
    assert list(bars._epochs) == [plan.cells[1].place]
    bars.finished()
    assert bars._epochs == {}
    assert "2 cells, 0 stored, 2 to run" in capsys.readouterr().err
