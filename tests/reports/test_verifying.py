"""A results folder is what it says, or what was done to it is named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

import ganbench
from ganbench.cli import main
from ganbench.errors import UsageError
from ganbench.evaluation import Evaluation
from ganbench.experiment import verification
from ganbench.records.record import _digest, read_record
from ganbench.records.store import Store
from ganbench.runtime.device import limited_threads


@pytest.fixture
def folder(tmp_path, toy_protocol, toys):
    """Two models on small images, with samples and tables, and the file of the images."""
    models = [f"{toys}:PixelwiseGaussian", f"{toys}:uniform"]
    run = ganbench.run(toy_protocol(), models=models, results=tmp_path / "results", device="cpu")
    assert run.succeeded
    ganbench.write_reports(run)
    return tmp_path / "results"


@pytest.fixture
def verify(folder, toy_images):
    """What disagrees and what is not verified, and how many parts agree."""

    def call(**arguments):
        arguments = {"datasets": [toy_images]} | arguments
        found = list(ganbench.verify(folder, **arguments))
        others = [(f.part, f.status, f.text) for f in found if f.status != "agrees"]
        return others, Counter(f.status for f in found)["agrees"]

    return call


def records(folder) -> list[Path]:
    return sorted((folder / "records").rglob("*.json"))


def edit(path: Path, change, *, digest: bool = True) -> None:
    """Change a record by hand; with the digest that it then must have, as somebody would who knows of it."""
    content = json.loads(path.read_text())
    change(content)
    del content["digest"]
    path.write_text(json.dumps({**content, "digest": _digest(content) if digest else "0" * 64}))


def test_what_was_not_touched_agrees_bit_by_bit(folder, toy_images):
    found = list(ganbench.verify(folder, datasets=[toy_images]))
    assert [f.part for f in found] == ["score parzen", "score nearest_neighbors"] * 2 + ["table"] * 5
    assert {f.status for f in found} == {"agrees"}
    assert {f.text for f in found if f.part.startswith("score")} == {"bit by bit"}


@pytest.mark.parametrize(("made_by", "cores", "used"), [(1, 4, 1), (3, 4, 3), (64, 2, 2), (None, 4, 2)])
def test_scores_are_made_by_as_many_threads_as_before(folder, toy_images, monkeypatch, made_by, cores, used):
    seen, score = set(), Evaluation.score
    monkeypatch.setattr(verification, "usable_cores", lambda: cores)
    monkeypatch.setattr(Evaluation, "score", lambda *a: (seen.add(torch.get_num_threads()), score(*a))[1])
    for path in records(folder):
        edit(path, lambda content: content["provenance"].update(threads=made_by))
    with limited_threads(2):
        found = list(ganbench.verify(folder, datasets=[toy_images]))
        assert torch.get_num_threads() == 2
    assert {f.status for f in found if f.part.startswith("score")} == {"agrees"}
    assert seen == {used}


def test_an_edited_value_is_named(folder, verify):
    edit(records(folder)[0], lambda r: r["scores"][1]["values"]["test_median"].update(value=0.125))
    others, agreeing = verify()
    (part, status, text) = next(other for other in others if other[0].startswith("score"))
    assert (part, status) == ("score nearest_neighbors", "disagrees")
    assert "test_median is 0.125 in the record, and " in text
    assert text.endswith("made by the same processor and libraries")
    assert agreeing == 3 + 5  # the table shows the Parzen estimate only


def test_an_edit_that_does_not_know_of_the_digest_is_named(folder, verify):
    edit(records(folder)[0], lambda record: record.update(seed=3), digest=False)
    others, _ = verify()
    assert others[0][:2] == ("record", "disagrees")
    assert "was changed after it was written" in others[0][2]


def test_an_edited_mean_contradicts_its_examples_even_without_samples(folder, verify):
    def improve(record):
        record["scores"][0]["values"]["mean_log_likelihood"]["value"] += 5.0

    edit(records(folder)[0], improve)
    for path in (folder / "samples").iterdir():
        path.unlink()
    others, agreeing = verify()
    edited = [(part, text) for part, status, text in others if status == "disagrees" and part != "table"]
    assert len(edited) == 1
    assert edited[0][0] == "score parzen"
    assert "the mean of its values of single examples" in edited[0][1]
    assert agreeing == 5, "the tables are made from the values of single examples"


def test_a_last_bit_is_let_pass_and_said_so_more_from_elsewhere(folder, verify, toy_images):
    path = records(folder)[0]

    def nudge(factor):
        def change(record):
            value = record["scores"][1]["values"]["test_median"]
            value["value"] *= factor

        edit(path, change)

    nudge(1 + 1e-7)
    assert verify() == ([], 9)
    text = next(f.text for f in ganbench.verify(folder, datasets=[]) if f.part == "data")
    assert "name it by --datasets" in text
    nudge(1 + 3e-5)
    assert [status for _, status, _ in verify()[0]] == ["disagrees"]
    edit(path, lambda record: record["provenance"].update(threads=97))
    (text,) = (f.text for f in ganbench.verify(folder, datasets=[toy_images]) if f.text.startswith("within"))
    assert text.startswith("within 3e-05 (let pass: 0.0001); threads 97, here ")


def test_altered_samples_are_named(folder, verify):
    store = Store(folder)
    record = read_record(records(folder)[0].read_bytes(), "it")
    samples, training = store.read_samples(record.samples.key)
    store.write_samples(record.samples.key, np.ascontiguousarray(samples[::-1]), training)
    others, _ = verify()
    assert others[0][:2] == ("samples", "disagrees")
    assert f"scored were 20 of {record.samples.sha256[:12]}" in others[0][2]
    assert [other[1] for other in others[1:]] == ["not verified"] * 2, "scores of other samples are not verified"


def test_exchanged_samples_are_named(folder, verify):
    first, second = sorted((folder / "samples").glob("*.npz"))
    first.write_bytes(second.read_bytes())
    others, _ = verify()
    assert [status for part, status, _ in others if part == "samples"] == ["disagrees"]
    assert "it holds what belongs to another key: files have changed places" in others[0][2]


def test_a_record_in_the_place_of_another_is_named(folder, verify):
    first, second = records(folder)
    first.write_bytes(second.read_bytes())
    others, _ = verify()
    assert others[0][:2] == ("record", "disagrees")
    assert "it was moved or edited" in others[0][2]


def test_what_is_no_record_is_named(folder, verify):
    records(folder)[0].write_text("{")
    others, _ = verify()
    assert others[0][:2] == ("record", "disagrees")
    assert "is not a record" in others[0][2]


def test_data_of_another_checksum_are_named(folder, verify, toy_images):
    rng = np.random.default_rng(2)
    np.savez(
        toy_images, **{r: rng.random((n, 3, 3), np.float32) for r, n in [("train", 24), ("valid", 8), ("test", 12)]}
    )
    others, _ = verify()
    assert {other[:2] for other in others} == {("data", "disagrees")}
    assert "the checksum of squares is" in others[0][2]


def test_another_version_of_a_metric_is_named(folder, toy_images):
    edit(records(folder)[0], lambda record: record["scores"][0].update(version=1))
    found = list(ganbench.verify(folder, datasets=[toy_images]))
    assert found[0][2:] == ("agrees", "bit by bit; made by version 1 of the metric, here 3")
    assert {f.text.partition(":")[0] for f in found if f.part == "table"} == {"the records make no table"}


def test_another_source_of_a_metric_is_named(folder, toy_images):
    edit(records(folder)[0], lambda record: record["scores"][0].update(key="0" * 64))
    texts = [f.text for f in ganbench.verify(folder, datasets=[toy_images])]
    assert texts[0].startswith("bit by bit; the key differs: another source of the metric")


def test_samples_that_are_not_stored_are_not_called_verified(folder, verify):
    for path in (folder / "samples").iterdir():
        path.unlink()
    others, agreeing = verify()
    assert [other[:2] for other in others[:3]] == [
        ("samples", "not verified"), ("score parzen", "not verified"), ("score nearest_neighbors", "not verified"),
    ]  # fmt: skip
    assert others[1][2] == "its key follows from the metric, the data and the samples' sha256"
    assert agreeing == 5, "the tables"


def test_a_file_of_samples_is_named_by_an_option(tmp_path, toy_protocol, toy_images, toys):
    results, file = tmp_path / "results", tmp_path / "mine.npy"
    grey = np.random.default_rng(4).integers(0, 256, (20, 3, 3))
    np.save(file, grey)
    ganbench.run(toy_protocol(), models=[f"{file}[scale=0..255]"], results=results, device="cpu")
    found = list(ganbench.verify(results, datasets=[toy_images]))
    assert {f.status for f in found} == {"not verified"}
    assert "name the file that they came from, mine.npy[" in found[0].text
    found = list(ganbench.verify(results, datasets=[toy_images], samples=[file]))
    assert [(f.status, f.text) for f in found] == [("agrees", "bit by bit")] * 2
    np.save(file, grey[::-1])
    found = list(ganbench.verify(results, datasets=[toy_images], samples=[file]))
    assert found[0].status == "disagrees"
    assert found[0].text.endswith("mine.npy is not the file that was scored: its content is another")
    with pytest.raises(UsageError, match="is no file of samples"):
        list(ganbench.verify(results, samples=[f"{toys}:uniform"]))


def test_a_metric_that_is_not_installed_is_named_by_an_option(tmp_path, toy_protocol, toy_images, toys, rulers, capsys):
    spec = str(Path(rulers).with_name("metrics.py")) + ":MeanDistance"
    results = tmp_path / "results"
    ganbench.run(toy_protocol(metrics=[spec], table=None), results=results, device="cpu")
    arguments = ["verify", str(results), "--datasets", toy_images, "--json"]
    assert main(arguments) == 0
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert found["status"] == "not verified"
    assert "Unknown metric 'mean_distance'" in found["text"]
    assert main([*arguments, "--metrics", spec]) == 0
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["status"], found["text"]) == ("agrees", "bit by bit")


def test_a_model_whose_source_has_changed_is_named(folder, monkeypatch):
    record = read_record(records(folder)[0].read_bytes(), "it")
    record = msgspec.structs.replace(
        record, model=msgspec.structs.replace(record.model, name="dbn", mark="", depends_on={"gone": "0" * 64})
    )
    assert verification._other_model(record).startswith("its source has changed since: ")
    assert "gone" in verification._other_model(record)


def test_an_edited_table_is_named_and_one_of_fewer_records_is_not(folder, verify):
    table = folder / "tables" / "toy.md"
    whole = table.read_text()
    table.write_text(whole.replace("Squares", "Circles"))
    others, _ = verify()
    assert [other[:2] for other in others] == [("table", "disagrees")]
    table.write_text(whole)
    rows = folder / "tables" / "toy.csv"
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:2]))
    assert verify()[0] == []
    rows.write_text(lines[0] + lines[1].replace("parzen", "parsen"))
    assert [other[:2] for other in verify()[0]] == [("table", "disagrees")]


def test_the_command_ends_with_3_where_something_disagrees(folder, toy_images, capsys):
    assert main(["verify", str(folder), "--datasets", toy_images]) == 0
    assert capsys.readouterr().out.endswith("9 agree, 0 disagree, 0 are not verified.\n")
    assert main(["verify", str(folder), "--datasets", toy_images, "--protocol", str(folder.parent / "toy.toml")]) == 0
    assert capsys.readouterr().out.endswith("9 agree, 0 disagree, 0 are not verified.\n")
    edit(records(folder)[0], lambda r: r["samples"].update(n=21))
    assert main(["verify", str(folder), "--datasets", toy_images]) == 3
    out = capsys.readouterr().out
    assert "disagrees     samples: " in out
    assert "scored were 21 of" in out


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_folder_without_records_is_refused(tmp_path, name, capsys):
    assert main(["verify", str(tmp_path / name)]) == 1
    assert "has no records. Name a results folder" in capsys.readouterr().err
