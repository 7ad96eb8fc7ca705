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
    assert "  squares: models.py:uniform x 1" in err
    assert "Estimated time: not known before the first epoch." in err
    assert "models.py:uniform" in out
    assert "Toys:" not in out
    results = tmp_path / "results"
    assert sorted(p.name for p in (results / "tables").iterdir()) == [
        f"toy.{s}" for s in ("csv", "json", "md", "tex", "txt")
    ]
    assert (results / "tables" / "toy.txt").read_text(encoding="utf-8") == out
    assert len(list(results.glob("sheets/**/samples.png"))) == len(list(results.glob("sheets/**/neighbors.png"))) == 2
    code, again, err = command("run-all", "--protocol", path)
    assert (code, again) == (0, out)
    first, *end = err.splitlines()
    assert first == "Toys: 2 cells, 2 stored, 0 to run."
    assert [line.partition(":")[0] for line in end] == ["Results", "Report"]
    assert (results / "report.html").is_file()


def test_quiet_and_json(command, toy_protocol):
    code, out, err = command("run-all", "--protocol", toy_protocol(), "--quiet", "--json")
    assert (code, err) == (0, "")
    row = json.loads(out)[0]
    assert (row["protocol"], row["status"], row["n_samples"]) == ("toy", "done", 20)


def _file_states(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.rglob("*") if p.is_file()}


def test_a_second_run_only_reads(command, imports, toy_protocol, tmp_path):
    path = toy_protocol()
    command("run-all", "--protocol", path)
    before = _file_states(tmp_path / "results")
    done = imports("run-all", "--protocol", path, "--results", str(tmp_path / "results"))
    assert done.returncode == 0
    assert "1 cell, 1 stored, 0 to run" in done.stderr
    assert "torch" not in done.stderr.splitlines()[-1]
    assert _file_states(tmp_path / "results") == before


def test_failures_are_rows_with_reasons_and_exit_code_1(command, toy_protocol, toys):
    path = toy_protocol(models=[f"{toys}:RaisesInSample", f"{toys}:PixelwiseGaussian"])
    for _ in range(2):  # tried again, failed again
        code, out, err = command("run-all", "--protocol", path, "--quiet")
        assert code == 1
        assert "failed: RuntimeError: no samples today" in " ".join(out.split())
        assert re.search(r"RaisesInSample@\w+ standard 0 failed: RuntimeError: no samples today", err)
        assert [line.partition(" ")[0] for line in err.splitlines()] == ["ganbench:", ""]  # the reason, the record
        assert re.search(r"PixelwiseGaussian +-?\d", out)
    code, out, err = command("table", "--protocol", path, "--format", "csv")
    assert (code, err) == (0, "")
    assert {line.rpartition(",")[2] for line in out.splitlines()} == {"status", "done", "failed"}


def test_failures_are_told_where_there_is_no_likelihood(command, toy_protocol, toys, toy_images):
    table = f"[{{ name = {json.dumps(toy_images)}, metrics = [] }}]"
    path = toy_protocol(models=[f"{toys}:RaisesInSample"], datasets=table, table=None)
    code, _, err = command("run-all", "--protocol", path, "--quiet")
    assert code == 1
    assert "no samples today" in err


def test_equal_specs_are_one_row(command, toy_protocol, toys):
    specs = [f"{toys}:PixelwiseGaussian{settings}" for settings in ("", "[]", "[epochs=3]", "[ spread = 1.0 ]")]
    code, out, _ = command("run-all", "--protocol", toy_protocol(), "--models", *specs, "--quiet", "--json")
    assert code == 0
    assert [row["model"] for row in json.loads(out)] == ["models.py:PixelwiseGaussian"]


def test_one_file_of_data_is_trained_on_once(command, toy_protocol, toy_images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spellings = ["squares.npz", "./squares.npz", toy_images]
    code, out, _ = command("run-all", "--protocol", toy_protocol(), "--datasets", *spellings, "--quiet", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    assert len(list((tmp_path / "results" / "checkpoints").iterdir())) == 1


def test_missing_data_are_told_and_the_others_go_on(command, toy_protocol, toys, toy_images, tmp_path):
    (tmp_path / "data").mkdir()
    arguments = ["--datasets", "tfd", toy_images, "--data", str(tmp_path / "data"), "--json"]
    code, out, err = command("run-all", "--protocol", toy_protocol(), *arguments)
    assert code == 1
    assert [(row["dataset"].partition("@")[0], row["status"]) for row in json.loads(out)] == [("squares", "done")]
    assert "Not run for want of data: tfd." in err
    assert "ganbench: toy: not run for want of data: tfd." in err
    assert err.count("The data of 'tfd' are missing") == err.count("The folder of the data") == 1
    assert len(list((tmp_path / "results").glob("records/**/*.json"))) == 1


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_missing_data_are_told_once(command, tmp_path, quiet):
    code, out, err = command("run-all", "--protocol", "goodfellow2014", "--data", str(tmp_path / "none"), *quiet)
    assert (code, out) == (1, "")
    first, *lines = err.splitlines()
    assert first == "ganbench: goodfellow2014: not run for want of data: mnist, tfd, cifar10."
    assert [line.partition(" are missing: looked for ")[0] for line in lines[:-1]] == [
        f"  The data of '{name}'" for name in ("mnist", "tfd", "cifar10")
    ]
    assert lines[-1].startswith(f"  The folder of the data, {tmp_path / 'none'} (no such folder), was given")
    assert err.count("The folder of the data") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("dbn[preset=digits,epoch=2]", "'dbn' has no hyper-parameter 'epoch'; it has: "),
        ("dbn[preset=digits,epochs=2.5]", r"'dbn' cannot be built: epochs .*2\.5"),
        ("dbn[preset=digits,epochs=two]", r"'dbn' cannot be built: epochs .*'two'"),
        ("{toys}:PixelwiseGaussian[spread=-1]", "spread must not be negative; got -1"),
        ("{toys}:uniform[epochs=1]", "is a function and takes no settings"),
    ],
)
def test_hyperparameters_are_checked_before_anything_is_run(command, toy_protocol, toys, tmp_path, model, message):
    models = [f"{toys}:PixelwiseGaussian", model.format(toys=toys)]
    code, out, err = command("run-all", "--protocol", toy_protocol(), "--models", *models, "--quiet")
    assert (code, out) == (2, "")
    assert re.search(message, err)
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_one_more_metric_is_all_that_is_computed(command, imports, toy_protocol, rulers, tmp_path):
    path = toy_protocol(models=["dbn[preset=digits,epochs=1]"])
    assert command("run-all", "--protocol", path, "--quiet")[0] == 0
    before = {p: s for p, s in _file_states(tmp_path / "results").items() if p.parts[-2] in ("checkpoints", "samples")}
    done = imports(
        "run-all", "--protocol", path, "--metrics", f"{rulers}:Spread", "--results", str(tmp_path / "results")
    )
    assert done.returncode == 0, done.stderr
    assert "Toys: 1 cell, 0 stored, 1 to run." in done.stderr
    assert "models: none" in done.stderr
    assert "spread: spread" in done.stdout
    after = {p: s for p, s in _file_states(tmp_path / "results").items() if p.parts[-2] in ("checkpoints", "samples")}
    assert after == before != {}
    assert "spread: spread" in command("table", "--protocol", path, "--metrics", "spread")[1]


def test_fresh(command, toy_protocol, tmp_path):
    path = toy_protocol()
    command("run-all", "--protocol", path, "--quiet")
    (checkpoint,) = (tmp_path / "results" / "checkpoints").iterdir()
    before = checkpoint.stat().st_mtime_ns
    _, expected, _ = command("run-all", "--protocol", path)
    assert checkpoint.stat().st_mtime_ns == before
    code, out, err = command("run-all", "--protocol", path, "--fresh")
    assert (code, out) == (0, expected)
    assert "0 stored, 1 to run" in err
    assert checkpoint.stat().st_mtime_ns != before


@pytest.mark.slow
def test_the_number_of_jobs_changes_no_bit(command, toy_protocol, toys, tmp_path):
    path = toy_protocol(models=["gsn[preset=digits,epochs=2]", "dbn[preset=digits,epochs=2]"], threads=2)
    samples = []
    for jobs in ("1", "2"):
        arguments = ["--jobs", jobs, "--results", str(tmp_path / jobs), "--quiet"]
        assert command("run-all", "--protocol", path, *arguments, results=False)[0] == 0
        records = map(json.loads, (p.read_text() for p in (tmp_path / jobs).glob("records/**/*.json")))
        samples.append({record["model"]["name"]: record["samples"]["sha256"] for record in records})
    assert len(samples[0]) == 2
    assert samples[0] == samples[1]


def test_a_truncated_mnist_file(command, tmp_path, toys):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        content = b"\x00\x00\x08\x03" + (60000).to_bytes(4, "big") + (28).to_bytes(4, "big") * 2 + b"\x00" * 1000
        (folder / f"{name}-ubyte").write_bytes(content)
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    arguments = ["--dataset", "mnist", "--data", str(tmp_path), "--quiet"]
    code, out, err = command("evaluate", f"{toys}:uniform", *arguments)
    assert (code, out) == (1, "")
    assert "train-images-idx3-ubyte" in err
    assert "Traceback" not in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run-all", "--models", "adversrial"], "Unknown model 'adversrial'. Did you mean 'adversarial'?"),
        (["run-all", "--datasets", "digit"], "Did you mean 'digits'?"),
        (["run-all", "--protocol", "godfellow2014"], "Did you mean 'goodfellow2014'?"),
        (["run-all", "--models", "dbn[preset=digit]"], "has no preset 'digit'; it has: "),
        (["run-all", "--models", "dbn[epochs]"], "Malformed setting 'epochs'"),
        (["run-all", "--models", "dbn[rate=nan]"], "rate = nan is not accepted"),
        (["run-all", "--models", "dbn", "--device", "gpu"], "Unknown device 'gpu'. Accepted: auto, cpu, cuda"),
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
    assert re.search(
        r"^ganbench: .*file/results/\S+ cannot be written: Not a directory.*choose another", err, re.MULTILINE
    )


def test_damage_in_the_results_folder(command, toy_protocol, tmp_path):
    command("run-all", "--protocol", toy_protocol(), "--quiet")
    (record,) = (tmp_path / "results").glob("records/**/*.json")
    whole = record.read_bytes()
    record.write_bytes(whole[:100])
    for name in ("run-all", "table"):
        code, out, err = command(name, "--protocol", toy_protocol())
        assert code == (1 if name == "run-all" else 0)
        assert "failed" in out
        assert f"{record} is not a record" in " ".join((out + err).split())
    assert record.read_bytes() == whole[:100]  # nothing was written over it
    record.unlink()
    (samples,) = (tmp_path / "results").glob("samples/*.npz")
    samples.unlink()
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


def test_a_dry_run_prints_the_plan_and_writes_nothing(command, imports, toy_protocol, toys, tmp_path):
    path = toy_protocol(models=[f"{toys}:PixelwiseGaussian", f"{toys}:uniform"])
    code, out, err = command("run-all", "--protocol", path, "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Toys: 2 cells, 0 stored, 2 to run."
    assert "Estimated time: not known before the first epoch." in out
    assert not (tmp_path / "results").exists()
    command("run-all", "--protocol", path, "--models", f"{toys}:uniform", "--quiet")
    before = _file_states(tmp_path / "results")
    done = imports("run-all", "--protocol", path, "--dry-run", "--json", "--results", str(tmp_path / "results"))
    cells = json.loads(done.stdout)["cells"]
    assert [(cell["model"].partition("@")[0], cell["fold"], cell["stored"]) for cell in cells] == [
        ("models.py:PixelwiseGaussian", "standard", False),
        ("models.py:uniform", "standard", True),
    ]
    assert "torch" not in done.stderr.splitlines()[-1]
    assert _file_states(tmp_path / "results") == before


def test_a_dry_run_names_data_that_are_missing(command, tmp_path):
    arguments = ["--protocol", "goodfellow2014", "--data", str(tmp_path / "none"), "--dry-run"]
    code, out, err = command("run-all", *arguments)
    assert (code, err) == (0, "")
    assert "Not run for want of data: mnist, tfd, cifar10." in out
    assert out.count("The folder of the data") == 1
    missing = json.loads(command("run-all", *arguments, "--json")[1])["missing"]
    assert [entry["dataset"] for entry in missing] == ["mnist", "tfd", "cifar10"]
