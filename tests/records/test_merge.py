"""Results folders put together: nothing is lost, nothing overwritten, what differs is named."""

from __future__ import annotations

import shutil

import msgspec
import numpy as np
import pytest
from made_records import make_protocol, make_record, mean_of, other_score

import ganbench
from ganbench.cli import main
from ganbench.errors import StoreError, UsageError
from ganbench.records.merge import merge_results
from ganbench.records.record import Timing, Training
from ganbench.records.store import Store


def folder(path, *records, samples=0.0, epochs=3, seconds=1.0):
    """A results folder with records, samples and a training state."""
    import torch

    store = Store(path)
    store.prepare()
    store.write_protocol(make_protocol())
    for record in records:
        store.write_record(record)
    training = Training(epochs=epochs, seconds=seconds)
    store.write_samples("s" * 64, np.full((4, 2), samples, np.float32), training)
    model = {"weight": torch.full((2,), float(epochs))}
    state = {"epochs": epochs, "complete": epochs == 3, "model": model, "seconds": seconds}
    store.write_checkpoint("t" * 64, state)
    return store


def contents(root):
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and "locks" not in p.parts
    }


def what(files):
    return {file.file.partition("/")[0]: file.what for file in files}


def test_what_is_new_comes_and_what_is_the_same_stays(tmp_path):
    first = folder(tmp_path / "a", make_record(fold="fold0"))
    elsewhere = {"timing": Timing("2026-01-01T00:00:00+00:00", 5.0), "provenance": {"python": "3.13"}}
    second = folder(tmp_path / "b", make_record(fold="fold0", **elsewhere), make_record(fold="fold1"), seconds=9.0)
    before = contents(first.root), contents(second.root)
    files = merge_results([first.root, second.root], tmp_path / "c")
    assert sorted(r.fold for r in Store(tmp_path / "c").records("toy")) == ["fold0", "fold1"]
    assert [file.what for file in files if file.source == first.root] == ["new"] * 4
    assert what(files[4:]) == {"protocols": "same", "samples": "same", "checkpoints": "same", "records": "new"}
    assert (contents(first.root), contents(second.root)) == before
    merged = contents(tmp_path / "c")
    assert merged == contents(first.root) | {k: v for k, v in before[1].items() if "fold1" in k}
    assert {file.what for file in merge_results([first.root, second.root], tmp_path / "c")} == {"same"}
    assert contents(tmp_path / "c") == merged


def test_conflicts_are_named_and_both_kept(tmp_path, capsys):
    first = folder(tmp_path / "a", make_record((1.0, 2.0)))
    second = folder(tmp_path / "b", make_record((1.0, 2.5)), samples=0.5)
    before = contents(first.root)
    arguments = ["merge", str(first.root), str(second.root)]
    assert main(arguments) == 3
    captured = capsys.readouterr()
    assert f"{first.root}: 0 records new, 0 the same, 0 with more than before, 1 in conflict." in captured.out
    assert "fold0-seed0.json differs from what is in" in captured.err
    assert "in score parzen; it is kept as" in captured.err
    assert "in the samples; it is kept as" in captured.err
    after = contents(first.root)
    assert {name: after[name] for name in before} == before
    (kept,) = (first.root / "conflicts").iterdir()
    (theirs,) = ganbench.stored_records(kept, make_protocol())
    assert theirs == next(second.records("toy"))
    assert main(arguments) == 3
    assert contents(first.root) == after


def test_the_further_of_two_states_of_a_training_is_kept(tmp_path):
    short, whole = folder(tmp_path / "a", epochs=2), folder(tmp_path / "b")
    for root in (short.root, whole.root):
        (root / "records").mkdir()
    assert what(merge_results([short.root, whole.root], tmp_path / "c")[-3:])["checkpoints"] == "more"
    assert Store(tmp_path / "c").read_checkpoint("t" * 64, "cpu")["epochs"] == 3
    assert what(merge_results([whole.root, short.root], tmp_path / "d")[-3:])["checkpoints"] == "same"
    assert Store(tmp_path / "d").read_checkpoint("t" * 64, "cpu")["epochs"] == 3


def test_scores_of_both_and_results_in_place_of_failures(tmp_path):
    extra = other_score(mean_of((1.0, 2.0), ""), key="e" * 64)
    record = make_record()
    more = msgspec.structs.replace(record, scores=(*record.scores, extra))
    first = folder(tmp_path / "a", make_record("no memory", fold="fold1"), record)
    second = folder(tmp_path / "b", make_record(fold="fold1"), more)
    for sources in ([first.root, second.root], [second.root, first.root]):
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        files = merge_results(sources, tmp_path / "c")
        assert not [file for file in files if file.what == "conflict"]
        found = {r.fold: r for r in Store(tmp_path / "c").records("toy")}
        assert [s.metric for s in found["fold0"].scores] == ["parzen", "other"]
        assert found["fold1"].status == "done"


def test_what_cannot_be_merged_is_refused_and_nothing_written(tmp_path):
    first = folder(tmp_path / "a", make_record())
    second = folder(tmp_path / "b", make_record(fold="fold1"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="empty is no results folder"):
        merge_results([first.root, tmp_path / "empty"], tmp_path / "c")
    with pytest.raises(UsageError, match="Nothing to merge"):
        merge_results([first.root])
    assert not (tmp_path / "c").exists()
    samples = second.samples_path("s" * 64)
    samples.write_bytes(samples.read_bytes()[:-500] + b"x" * 500)
    before = contents(first.root)
    with pytest.raises(StoreError, match=r"samples/s+\.npz cannot be read"):
        merge_results([first.root, second.root])
    assert contents(first.root) == before
