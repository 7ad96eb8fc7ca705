"""`ganbench remove`: what goes, what stays, who is asked."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ganbench.experiment.trained import planned_again
from ganbench.records.store import Store

GAUSSIAN = "models.py:PixelwiseGaussian"


@pytest.fixture
def results(command, toy_protocol, toys, tmp_path) -> Path:
    """Two models, from two seeds each."""
    models = [f"{toys}:PixelwiseGaussian", f"{toys}:uniform"]
    assert (
        command("run-all", "--protocol", toy_protocol(models=models), "--seeds", "2", "--quiet", "--jobs", "0")[0] == 0
    )
    return tmp_path / "results"


@pytest.fixture
def spec(toys) -> str:
    """The Gaussian's, with its folder."""
    return f"{toys}:PixelwiseGaussian"


def files(results) -> set[str]:
    """All that is stored, by path, but for locks and what reports make of all records."""
    paths = (p.relative_to(results) for p in results.rglob("*") if p.is_file())
    return {str(p) for p in paths if p.parts[0] not in ("locks", "tables", "report.html")}


def test_a_row_is_removed_whole_and_computed_again(command, results, spec, toy_protocol, toys):
    before = files(results)
    code, out, _ = command("remove", spec, "--yes")
    assert code == 0
    *named, summary = out.splitlines()
    assert summary == "Removed 2 cells, 9 files."
    gone = before - files(results)
    assert {str(Path(path).relative_to(results)) for path in named} == gone
    assert sorted(path.partition("/")[0] for path in gone) == (
        ["checkpoints"] * 2 + ["records"] * 2 + ["samples"] * 2 + ["sheets"] * 3
    )
    models = [f"{toys}:PixelwiseGaussian", f"{toys}:uniform"]
    again = command("run-all", "--protocol", toy_protocol(models=models), "--seeds", "2", "--jobs", "0")
    assert "Toys: 4 cells, 2 stored, 2 to run." in again[2]
    assert files(results) == before


def test_one_cell_is_removed(command, results, toy_images):
    code, out, _ = command("remove", GAUSSIAN, "--seed", "1", "--fold", "standard", "--dataset", toy_images, "--yes")
    assert (code, out.splitlines()[-1].partition(",")[0]) == (0, "Removed 1 cell")
    left = [(r.model.spec, r.seed) for r in Store(results).records()]
    assert left == [(GAUSSIAN, 0), ("models.py:uniform", 0), ("models.py:uniform", 1)]


@pytest.mark.parametrize(
    ("answer", "goes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_it_asks(command, results, spec, monkeypatch, answer, goes):
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    before = files(results)
    code, _, err = command("remove", spec)
    assert "Remove 2 cells, 9 files? [y/N]" in err
    assert (code, files(results) != before) == ((0, True) if goes else (1, False))


def test_without_a_terminal_nothing_is_removed(command, results, spec, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    before = files(results)
    code, _, err = command("remove", spec)
    assert code == 2
    assert "Give --yes" in err
    assert command("remove", spec, "--json")[0] == 2
    assert files(results) == before


def test_a_cell_that_is_running_is_refused(command, results, spec):
    store, before = Store(results), files(results)
    record = next(r for r in store.records() if r.model.spec == GAUSSIAN and r.seed == 1)
    with store.lock(planned_again(record, store, model=spec).train_key, wait=False):
        code, _, err = command("remove", spec, "--yes")
        assert code == 1
        assert "A run is computing one of these cells (process " in err
        assert files(results) == before
    assert command("remove", spec, "--yes")[0] == 0


def test_what_other_records_share_stays(command, toy_protocol, toys, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {r: rng.random((n, 3, 3), np.float32) for r, n in [("train", 24), ("valid", 8), ("test", 12)]}
    np.savez(tmp_path / "squares.npz", **arrays)
    for name in ("toy", "other"):
        command("run-all", "--protocol", toy_protocol(name=name), "--quiet", "--jobs", "0")
    store = Store(tmp_path / "results")
    first, second = store.records()
    assert first.samples.key == second.samples.key
    spec = f"{toys}:PixelwiseGaussian"
    code, _, err = command("remove", spec, "--yes")
    assert code == 2
    assert "has records of other, toy. Name one by --protocol." in err
    code, out, _ = command("remove", spec, "--protocol", "other", "--yes", "--json")
    assert code == 0
    assert {Path(path).relative_to(store.root).parts[:2] for path in json.loads(out)["removed"]} == {
        ("records", "other"),
        ("sheets", "other"),
    }
    command("remove", spec, "--yes")
    assert [path for path in files(store.root) if not path.startswith("protocols")] == []


def test_a_checkpoint_that_cannot_be_found_is_named(command, results):
    code, _, err = command("remove", GAUSSIAN, "--yes")  # without the folder of its file
    assert code == 0
    assert err.count("its checkpoint, if there is one, stays: ") == 2
    assert {path.partition("/")[0] for path in files(results)} == {
        "checkpoints",
        "protocols",
        "records",
        "samples",
        "sheets",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["PixelwiseGausian"], "Did you mean"),
        ([GAUSSIAN, "--seed", "7"], "has other data sets, folds or seeds of models.py:PixelwiseGaussian only"),
        ([GAUSSIAN, "--protocol", "digits"], "Unknown protocol 'digits'"),
    ],
)
def test_what_is_not_there_is_said(command, results, arguments, message):
    before = files(results)
    code, _, err = command("remove", *arguments, "--yes")
    assert code == 2
    assert message in err
    assert files(results) == before


def test_an_empty_folder(command):
    code, _, err = command("remove", "dbn", "--yes")
    assert code == 2
    assert "has no records" in err
