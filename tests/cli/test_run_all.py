"""`ganbench run-all`: everything at once, failures as rows, nothing twice."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest


def test_run_all_prints_its_plan_on_stderr_and_the_table_on_stdout(command, toy_protocol, toys, toy_images, tmp_path):
    path = toy_protocol(models=[f"{toys}:PixelwiseGaussian", f"{toys}:uniform"])
    code, out, err = command("run-all", "--protocol", path)
    assert code == 0
    assert err.splitlines()[0] == "Toys: 2 cells, 0 stored, 2 to run."
    assert f"{toy_images}: {toys}:uniform x 1" in err
    assert "Estimated time on two CPU cores" in err
    assert out.startswith("Toys\n\nModel")
    assert f"{toys}:uniform" in out
    assert "Toys:" not in out
    results = tmp_path / "results"
    assert sorted(p.name for p in (results / "tables").iterdir()) == [
        f"toy.{s}" for s in ("csv", "json", "md", "tex", "txt")
    ]
    assert (results / "tables" / "toy.txt").read_text(encoding="utf-8") == out
    assert len(list(results.glob("sheets/**/samples.png"))) == len(list(results.glob("sheets/**/neighbors.png"))) == 2
    code, again, err = command("run-all", "--protocol", path)
    assert (code, again, err) == (0, out, "Toys: 2 cells, 2 stored, 0 to run.\n")


def test_quiet_and_json(command, toy_protocol):
    code, out, err = command("run-all", "--protocol", toy_protocol(), "--quiet", "--json")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)
    assert (row["protocol"], row["status"], row["n_samples"]) == ("toy", "done", 20)


def _file_states(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.rglob("*") if p.is_file()}


def test_a_second_run_only_reads(command, imports, toy_protocol, tmp_path):
    path = toy_protocol()
    command("run-all", "--protocol", path)
    before = _file_states(tmp_path / "results")
    done = imports("run-all", "--protocol", path, "--results", str(tmp_path / "results"))
    assert done.returncode == 0
    assert "1 cells, 1 stored, 0 to run" in done.stderr
    assert "torch" not in done.stderr.splitlines()[-1]
    assert _file_states(tmp_path / "results") == before


def test_failures_are_rows_with_reasons_and_exit_code_1(command, toy_protocol, toys):
    path = toy_protocol(models=[f"{toys}:RaisesInSample", f"{toys}:PixelwiseGaussian"])
    for _ in range(2):  # tried again, failed again
        code, out, err = command("run-all", "--protocol", path, "--quiet")
        assert code == 1
        assert "failed: RuntimeError: no samples today" in " ".join(out.split())
        assert re.search(r"RaisesInSample standard 0 failed: RuntimeError: no samples today", err)
        assert len(err.splitlines()) == 1
        assert re.search(r"PixelwiseGaussian +-?\d", out)
    code, out, err = command("table", "--protocol", path, "--format", "csv")
    assert (code, err) == (0, "")
    assert {line.rpartition(",")[2] for line in out.splitlines()} == {"status", "done", "failed"}


def test_failures_are_told_where_there_is_no_likelihood(command, toy_protocol, toys, toy_images):
    table = f"[{{ name = {json.dumps(toy_images)}, likelihood = false }}]"
    path = toy_protocol(models=[f"{toys}:RaisesInSample"], datasets=table)
    code, _, err = command("run-all", "--protocol", path, "--quiet")
    assert code == 1
    assert "no samples today" in err


def test_two_specs_of_the_same_content_are_two_rows(command, toy_protocol, toys):
    specs = [f"{toys}:PixelwiseGaussian[epochs=2]", f"{toys}:PixelwiseGaussian[epochs = 2]"]
    command("run-all", "--protocol", toy_protocol(), "--models", specs[0], "--quiet")
    code, out, _ = command("run-all", "--protocol", toy_protocol(), "--models", *specs, "--quiet", "--json")
    assert code == 0
    assert [row["model"] for row in json.loads(out)] == specs


def test_missing_data_are_a_row_of_every_model(command, toy_protocol, toys, tmp_path):
    path = toy_protocol(models=[f"{toys}:uniform", f"{toys}:PixelwiseGaussian"], datasets="[{ name = 'tfd' }]")
    code, out, err = command("run-all", "--protocol", path, "--data", str(tmp_path), "--json")
    assert code == 1
    assert [(row["model"].rpartition(":")[2], row["status"]) for row in json.loads(out)] == [
        ("uniform", "failed"),
        ("PixelwiseGaussian", "failed"),
    ]
    assert "Cannot be run: " in err


def test_a_truncated_mnist_file(command, tmp_path, toys):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        content = b"\x00\x00\x08\x03" + (60000).to_bytes(4, "big") + (28).to_bytes(4, "big") * 2 + b"\x00" * 1000
        (folder / f"{name}-ubyte").write_bytes(content)
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    arguments = ["--dataset", "mnist", "--data", str(tmp_path), "--quiet"]
    code, out, err = command("evaluate", f"{toys}:uniform", *arguments)
    assert code == 1
    assert "failed: " in out
    assert "train-images-idx3-ubyte" in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run-all", "--models", "adversrial"], "Unknown model 'adversrial'. Did you mean 'adversarial'?"),
        (["run-all", "--datasets", "digit"], "Did you mean 'digits'?"),
        (["run-all", "--protocol", "godfellow2014"], "Did you mean 'goodfellow2014'?"),
        (["run-all", "--models", "dbn[preset=digit]"], "has no preset 'digit'; it has: "),
        (["run-all", "--models", "dbn[epochs]"], "Malformed setting 'epochs'"),
        (["run-all", "--models", "dbn[rate=nan]"], "rate = nan is not accepted"),
        (["run-all", "--device", "gpu"], "Unknown device 'gpu'. Accepted: auto, cpu, cuda"),
        (["evaluate", "dbn", "--dataset", "mnits"], "Unknown dataset 'mnits'. Did you mean 'mnist' or"),
        (["table", "--protocol", "digit"], "Unknown protocol 'digit'"),
    ],
)  # fmt: skip
def test_unknown_names_are_usage_errors(command, arguments, message):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert err.count("ganbench: ") == 1


def test_a_results_folder_that_cannot_be_written(command, toy_protocol, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["run-all", "--protocol", toy_protocol(), "--results", str(tmp_path / "file" / "results")]
    code, out, err = command(*arguments, results=False)
    assert (code, out) == (1, "")
    assert re.match(r"ganbench: .*file/results/\S+ cannot be written: Not a directory. Choose another", err)


def test_damage_in_the_results_folder(command, toy_protocol, tmp_path):
    command("run-all", "--protocol", toy_protocol(), "--quiet")
    (record,) = (tmp_path / "results").glob("records/**/*.json")
    whole = record.read_bytes()
    record.write_bytes(whole[:100])
    for name in ("run-all", "table"):
        code, out, err = command(name, "--protocol", toy_protocol())
        assert (code, out) == (1, "")
        assert f"{record} is not a record" in err
    assert record.read_bytes() == whole[:100]  # nothing was written over it
    record.unlink()
    (checkpoint,) = (tmp_path / "results").glob("checkpoints/*.pt")
    checkpoint.write_bytes(b"damaged")
    code, out, err = command("run-all", "--protocol", toy_protocol(), "--quiet")
    assert code == 1
    assert f"The checkpoint {checkpoint} cannot be read" in err
    checkpoint.unlink()
    assert command("run-all", "--protocol", toy_protocol(), "--quiet")[0] == 0


def test_a_model_file_that_is_no_python(command, toy_protocol, tmp_path):
    (tmp_path / "wrong.py").write_text("class M(:")
    code, out, err = command("run-all", "--protocol", toy_protocol(), "--models", f"{tmp_path}/wrong.py:M")
    assert (code, out) == (1, "")
    assert "its source cannot be read: SyntaxError" in err


def test_pictures_follow_the_model(command, toy_protocol, toys, tmp_path):
    text = Path(toys).read_text(encoding="utf-8")
    pictures = []
    for value in ("0.5", "0.9"):
        (tmp_path / "mine.py").write_text(
            text.replace("torch.full(event_shape, 0.5)", f"torch.full(event_shape, {value})")
        )
        arguments = ["--models", f"{tmp_path}/mine.py:PixelwiseGaussian[epochs=0]", "--quiet"]
        assert command("run-all", "--protocol", toy_protocol(), *arguments)[0] == 0
        (path,) = (tmp_path / "results").glob("sheets/**/samples.png")
        pictures.append(path.read_bytes())
    assert pictures[0] != pictures[1]
