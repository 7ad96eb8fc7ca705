"""What a user sees while cells run: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import sys
import time

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
    epochs = [re.search(r"standard: epoch (\d) of 3, \w+ [^ ,]+(, about 1 s left)?$", line) for line in lines]
    assert sorted({int(found[1]) for found in epochs if found}) == [1, 2, 3]


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
    shown = bars._bars
    assert [(bar.n, bar.total) for bar in shown.values()] == [(3, 5), (3, 9)]
    bars.step_started(plan.cells[0], "sample, step 5 of 9")
    first, second = (shown[cell.place] for cell in plan.cells)
    assert (first.desc, first.bar_format) == (
        "squares models.py:PixelwiseGaussian[epochs=5] standard: sample, step 5 of 9",
        "{desc} [{elapsed}]",
    )
    assert (second.n, second.total) == (3, 9)
    bars.step_started(plan.cells[0], "sample, step 7 of 9")
    assert shown[plan.cells[0].place] is first  # its clock goes on
    assert first.desc.endswith("step 7 of 9")
    bars.finished()
    assert shown == {}
    assert "2 cells, 0 stored, 2 to run" in capsys.readouterr().err


def test_the_time_of_a_run_is_learnt_from_earlier_ones(command, path, toys):
    first = command("run-all", "--protocol", path)[2]
    assert "Estimated time: not known before the first epoch." in first
    more = ["--models", f"{toys}:PixelwiseGaussian[epochs=9]", f"{toys}:uniform"]
    second = command("run-all", "--protocol", path, *more)[2]
    assert re.search(r"Estimated time: about \d+ s, by earlier runs on this machine; 1 training", second)


@pytest.fixture
def cells(toy_protocol, toys):
    """A plan of two trainings."""
    from ganbench.experiment.plan import Request, make_plan
    from ganbench.protocols import load_protocol

    models = tuple(f"{toys}:PixelwiseGaussian[epochs={n}]" for n in (5, 9))
    return make_plan(Request(load_protocol(toy_protocol(models=models))))


def _soon(written, text: str) -> str:
    """What was written, as soon as it holds a text."""
    deadline, found = time.monotonic() + 10, ""
    while text not in found and time.monotonic() < deadline:
        time.sleep(0.01)
        found += written()
    return found


def test_clocks_tick_on_a_terminal_although_nothing_is_heard(capsys, cells, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_TICKS", 0.05)
    bars = progress.ProgressBars()
    bars.planned(cells, list(cells.cells))
    bars.cell_started(cells.cells[0])
    assert "first epoch [00:01]" in _soon(lambda: capsys.readouterr().err, "first epoch [00:01]")
    bars.finished()


def test_a_log_says_every_minute_what_is_running_although_nothing_is_heard(capsys, cells, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_TICKS", 0.05)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.1)
    lines = progress.ProgressLines()
    lines.planned(cells, list(cells.cells))
    for cell in cells.cells:
        lines.cell_started(cell)
    lines.step_started(cells.cells[0], "sample, 5 chains from noise, step 3 of 9")
    found = _soon(lambda: capsys.readouterr().err, "[epochs=9] standard: first epoch, for 1 s\n")
    assert "0 of 2 cells are done.\n" in found
    assert "[epochs=5] standard: sample, 5 chains from noise, step 3 of 9, for 1 s\n" in found
    lines.finished()
    capsys.readouterr()
    time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_the_first_epoch_tells_how_long_a_training_takes():
    work = progress._Work("a", since=time.monotonic() - 100)
    work.hear_epoch(3, 11, {"loss": 0.5})  # of a training that goes on
    assert work.line() == "a: epoch 3 of 11, loss 0.5, about 13 min left"
    work.first_heard -= 8
    work.hear_epoch(5, 11, {})
    assert work.line() == "a: epoch 5 of 11, about 24 s left"  # start-up does not count
    work.begin("sample")
    assert work.line() == "a: sample, for 1 s"


def test_a_log_tells_after_the_first_epoch_of_a_long_training(capsys, cells, monkeypatch):
    lines = progress.ProgressLines()
    lines.cell_started(cells.cells[1])
    lines._works[cells.cells[1].place].since -= 30.0
    lines.epoch_finished(cells.cells[1], 1, 9, {})
    lines.epoch_finished(cells.cells[1], 2, 9, {})
    assert capsys.readouterr().err == (
        "squares models.py:PixelwiseGaussian[epochs=9] standard: epoch 1 of 9, about 4 min left\n"
    )


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_is_coloured(command, path, monkeypatch, terminal):
    """So there is nothing that NO_COLOR would have to turn off; and a log gets no escape sequences at all."""
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: terminal)
    _, out, err = command("run-all", "--protocol", path)
    assert re.search("\x1b\\[[0-9;]*m", out + err) is None
    assert ("\x1b" in out + err) <= terminal


def test_imports_are_not_taken_for_a_long_epoch(capsys, cells):
    lines = progress.ProgressLines()
    lines.cell_started(cells.cells[1])
    lines._works[cells.cells[1].place].since -= 15.0
    lines.epoch_finished(cells.cells[1], 1, 9, {})
    lines.epoch_finished(cells.cells[1], 2, 9, {})
    assert capsys.readouterr().err == ""
