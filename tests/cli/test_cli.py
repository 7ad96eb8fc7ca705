"""The command line: what goes in, what comes out where, and with which exit code."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganbench import __version__
from ganbench.cli import main


@pytest.fixture
def command(capsys, tmp_path):
    """Runs a command in this process with a results folder of its own: exit code, stdout, stderr."""

    def call(*arguments: str, results: bool = True) -> tuple[int, str, str]:
        extra = ["--results", str(tmp_path / "results")] if results else []
        try:
            code = main([*arguments, *extra])
        except SystemExit as leaving:
            code = leaving.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _process(*arguments: str, **settings) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, **settings
    )


# Arguments that only name the heavy packages that a process has imported when it is done.
_IMPORTS = (
    "-c",
    "import sys; from ganbench.cli import main\n"
    "try: code = main(sys.argv[1:])\n"
    "except SystemExit as leaving: code = leaving.code\n"
    "heavy = {'torch', 'numpy', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)\n"
    "print('imported:', *sorted(heavy), file=sys.stderr)\n"
    "sys.exit(code)",
)


@pytest.mark.parametrize("arguments", [["--help"], ["run-all", "--help"], ["evaluate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    done = _process(*_IMPORTS, *arguments)
    assert done.returncode == 0
    assert done.stderr == "imported:\n"
    assert done.stdout


def test_help_is_fast():
    def seconds() -> float:
        begun = time.perf_counter()
        assert _process("-m", "ganbench", "--help").returncode == 0
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.5


def test_help_names_every_command(command):
    code, out, err = command("--help", results=False)
    assert (code, err) == (0, "")
    for name in ("run-all", "evaluate", "table", "list", "check"):
        assert re.search(rf"^    {name} ", out, flags=re.MULTILINE)
        code, text, err = command(name, "--help", results=False)
        assert (code, err) == (0, "")
        assert text.startswith(f"usage: ganbench {name}")
    assert command("--version", results=False)[1] == f"ganbench {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run-all", "--seeds", "0"],
        ["run-all", "--jobs", "two"],
        ["table", "--format", "html"],
        ["evaluate"],
    ],
)
def test_usage(command, arguments):
    code, out, err = command(*arguments, results=False)
    assert (code, out) == (2, "")
    assert "usage: ganbench" in err


def test_list(command):
    code, out, err = command("list", results=False)
    assert (code, err) == (0, "")
    assert re.findall(r"^(\w+):", out, flags=re.MULTILINE) == ["models", "datasets", "protocols"]
    content = json.loads(command("list", "--json", results=False)[1])
    assert {"adversarial", "cae", "dbn", "gsn"} <= set(content["models"])
    assert "mnist" in content["datasets"]
    assert list(content["protocols"]) == ["digits", "goodfellow2014"]


# run-all


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


def test_a_second_run_only_reads(command, toy_protocol, tmp_path):
    path = toy_protocol()
    command("run-all", "--protocol", path)
    before = _file_states(tmp_path / "results")
    done = _process(*_IMPORTS, "run-all", "--protocol", path, "--results", str(tmp_path / "results"))
    assert done.returncode == 0
    assert "1 cells, 1 stored, 0 to run" in done.stderr
    assert "torch" not in done.stderr.splitlines()[-1]
    assert _file_states(tmp_path / "results") == before


def test_failures_are_rows_with_reasons_and_exit_code_1(command, toy_protocol, toys):
    path = toy_protocol(models=[f"{toys}:RaisesInSample", f"{toys}:PixelwiseGaussian"])
    for _ in range(2):  # tried again, failed again
        code, out, err = command("run-all", "--protocol", path, "--quiet")
        assert code == 1
        assert "failed: RuntimeError: no samples today" in out
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


# evaluate


@pytest.fixture
def samples(tmp_path):
    """Writes samples, flat rows of 3x3 images unless given otherwise, and returns the path."""

    def write(values=None, *, name="mine.npz", **arrays) -> str:
        values = np.random.default_rng(5).random((30, 9)) if values is None else values
        path = tmp_path / name
        np.save(path, values) if name.endswith(".npy") else np.savez(path, **arrays or {"samples": values})
        return str(path)

    return write


@pytest.mark.parametrize("name", ["mine.npz", "mine.npy"])
@pytest.mark.parametrize("shape", [(30, 9), (30, 3, 3)])
def test_a_file_of_samples_is_scored(command, samples, toy_images, name, shape):
    path = samples(np.random.default_rng(5).random(shape), name=name)
    code, out, err = command("evaluate", path, "--dataset", toy_images, "--quiet")
    assert (code, err) == (0, "")
    assert f"{path} on {toy_images}, standard, seed 0, protocol digits" in out
    assert re.search(r"\*refined +mean log-likelihood -?\d+\.\d\d ± \d+\.\d\d nats \(SE across 12 test examples\)", out)
    assert re.search(r" grid +mean log-likelihood", out)
    assert re.search(r"effective kernels per test point \(median\): \d+\.\d of 30", out)
    assert "warning: 30 samples instead of 10000" in out
    assert "distance to the nearest training example (median): samples" in out
    (row,) = json.loads(command("table", "--format", "json")[1])
    assert (row["model"], row["n_samples"], row["seeds"]) == (path, 30, 1)


def test_the_number_is_that_of_the_definition(command, samples, toy_images):
    values = np.random.default_rng(6).random((10, 9)).astype(np.float32)
    _, out, _ = command("evaluate", samples(values), "--dataset", toy_images, "--quiet", "--json")
    record = json.loads(out)
    score = record["likelihood"]["grid"]
    test = np.load(toy_images)["test"].reshape(12, 9).astype(np.float64)
    square = ((test[:, None] - values[None].astype(np.float64)) ** 2).sum(2)
    kernels = np.exp(-square / (2 * score["bandwidth"] ** 2)).mean(1) / (2 * np.pi * score["bandwidth"] ** 2) ** 4.5
    assert score["log_likelihoods"] == pytest.approx(np.log(kernels), abs=2e-6)  # rounded to 1e-6
    assert score["mean_log_likelihood"] == pytest.approx(np.log(kernels).mean(), abs=1e-6)
    assert score["standard_error"] == pytest.approx(np.log(kernels).std() / np.sqrt(12), abs=1e-6)
    assert min(score["grid"]) <= record["likelihood"]["refined"]["bandwidth"] <= max(score["grid"])
    train = np.load(toy_images)["train"].reshape(24, 9).astype(np.float64)
    nearest = np.sqrt(((values[:, None].astype(np.float64) - train) ** 2).sum(2)).min(1)
    distances = record["nearest_neighbors"]["generated"]
    assert distances["quantiles"] == pytest.approx(np.quantile(nearest, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]), rel=1e-6)
    assert (distances["n"], distances["mean"]) == (10, pytest.approx(nearest.mean(), rel=1e-6))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.full((5, 9), 200.0),
            "range from 200 to 200; the data lie in [0, 1]. They look like 0..255: divide by 255.",
        ),
        (np.arange(18, dtype=np.uint8).reshape(2, 9), "divide by 255"),
        (np.linspace(-1, 1, 18).reshape(2, 9), "They look like -1..1: use (x + 1) / 2."),
        (np.full((2, 9), -7.0), "Bring them to the scale of the data."),
        (np.zeros((5, 8)), "samples have shape [5, 8]; expected [n, 3, 3] or [n, 9] with n >= 1."),
        (np.zeros((5, 1, 3, 3)), "samples have shape [5, 1, 3, 3]"),
        (np.zeros((0, 9)), "samples have shape [0, 9]"),
        (np.zeros(()), "samples have shape []"),
        (np.array([[0.5] * 8 + [np.nan], [0.5] * 9]), "1 of 2 samples hold NaN or infinity"),
        (np.array([[0.5] * 8 + [np.inf]]), "1 of 1 samples hold NaN or infinity"),
        (np.zeros((2, 9), complex), "real numbers"),
        (np.array(["a"]), "real numbers"),
    ],
)
def test_samples_that_cannot_be_scored(command, samples, toy_images, values, message):
    code, out, err = command("evaluate", samples(values), "--dataset", toy_images, "--quiet")
    assert code == 1
    assert message in out + err
    assert "Traceback" not in out + err


def test_files_that_hold_no_samples(command, samples, toy_images, tmp_path):
    one = np.zeros((2, 9))
    cases = {
        samples(name="two.npz", a=one, b=one): "holds 2 arrays (a, b); name one of them 'samples'",
        str(tmp_path / "nowhere.npz"): "there is no file",
    }
    (tmp_path / "text.npz").write_text("hello")
    cases[str(tmp_path / "text.npz")] = "text.npz"
    for path, message in cases.items():
        code, out, err = command("evaluate", path, "--dataset", toy_images, "--quiet")
        assert code == 1
        assert message in out + err
        assert "Traceback" not in out + err
    path = samples(name="both.npz", samples=one + 0.5, labels=np.zeros(2))
    assert command("evaluate", path, "--dataset", toy_images, "--quiet")[0] == 0


def test_a_model_is_trained_and_taken_from_the_store_the_second_time(command, toys, toy_images):
    arguments = ["evaluate", f"{toys}:PixelwiseGaussian", "--dataset", toy_images, "--seeds", "2"]
    code, out, err = command(*arguments)
    assert (code, err.splitlines()[0].endswith("2 cells, 0 stored, 2 to run.")) == (0, True)
    assert "Mean log-likelihood, nats, with its standard error across" in out
    assert re.search(r"^  seeds: -?\d+\.\d\d ± \d+\.\d\d$", out, flags=re.MULTILINE)
    code, again, err = command(*arguments)
    assert (code, again, "2 stored, 0 to run" in err) == (0, out, True)


def test_records_as_json_lines(command, toys, toy_images):
    arguments = ["evaluate", f"{toys}:RaisesInSample", "--dataset", toy_images, "--json", "--quiet", "--seeds", "2"]
    code, out, _ = command(*arguments)
    assert code == 1
    assert [json.loads(line)["reason"] for line in out.splitlines()] == ["RuntimeError: no samples today"] * 2


# table and check


def test_a_table_of_nothing(command, tmp_path):
    code, out, err = command("table")
    assert (code, out) == (1, "")
    assert "has no such records of protocol 'digits'. Run `ganbench run-all --protocol digits` first" in err
    assert not (tmp_path / "results").exists()


def test_tables_by_model_format_and_bandwidth(command, toy_protocol, toys):
    specs = [f"{toys}:uniform", f"{toys}:PixelwiseGaussian"]  # not in the order of the alphabet
    path = toy_protocol(models=specs)
    command("run-all", "--protocol", path, "--quiet")
    rows = {}
    for bandwidth in ("grid", "refined"):
        arguments = ["table", "--protocol", path, "--format", "json", "--bandwidth", bandwidth]
        rows[bandwidth] = json.loads(command(*arguments)[1])
    assert [row["model"] for row in rows["grid"]] == specs
    assert rows["grid"][0]["bandwidth"] in (0.1, 0.2, 0.4, 0.8)
    assert rows["grid"][0]["bandwidth"] != rows["refined"][0]["bandwidth"]
    chosen = json.loads(command("table", "--protocol", path, "--format", "json", "--models", specs[1])[1])
    assert [row["model"] for row in chosen] == specs[1:]
    for format in ("text", "markdown", "latex", "csv"):
        code, out, err = command("table", "--protocol", path, "--format", format)
        assert (code, err) == (0, "")
        assert "PixelwiseGaussian" in out


def test_records_of_different_rules_are_not_put_into_one_table(command, toy_protocol, toys):
    command("run-all", "--protocol", toy_protocol(models=[f"{toys}:uniform"]), "--quiet")
    path = toy_protocol(n_samples=21)
    command("run-all", "--protocol", path, "--quiet")
    code, out, err = command("table", "--protocol", path)
    assert (code, out) == (1, "")
    assert "come from different settings of the protocol" in err


def test_check(command, toys, toy_images):
    code, out, err = command("check", f"{toys}:PixelwiseGaussian", "--dataset", toy_images, results=False)
    assert (code, err) == (0, "")
    assert out.count("passed  ") == 10
    assert out.endswith("10 of 10 checks passed.\n")
    code, out, err = command("check", f"{toys}:GreyLevels", "--dataset", toy_images, results=False)
    assert (code, err) == (3, "")
    assert "FAILED  Samples are finite" in out
    arguments = ["check", f"{toys}:GreyLevels", "--dataset", toy_images, "--json"]
    lines = [json.loads(line) for line in command(*arguments, results=False)[1].splitlines()]
    assert [line["check"] for line in lines if not line["passed"]] == ["samples_are_in_range"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("Missing", 1, "cannot be imported"), ("RaisesInConstructor", 1, "no accelerator"), ("uniform[", 2, "Malformed")],
)
def test_what_cannot_be_checked(command, toys, toy_images, name, code, message):
    found, out, err = command("check", f"{toys}:{name}", "--dataset", toy_images, results=False)
    assert (found, out) == (code, "")
    assert message in err


def test_a_reader_that_has_gone():
    with subprocess.Popen(
        [sys.executable, "-m", "ganbench", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_an_interruption(command, monkeypatch):
    from ganbench.cli import table

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "run", interrupt)
    code, out, err = command("table")
    assert (code, out) == (130, "")
    assert "run the same command again to go on" in err


def test_the_results_folder_of_the_environment(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GANBENCH_RESULTS", str(Path(tmp_path) / "elsewhere"))
    assert main(["table"]) == 1
    assert "elsewhere has no such records" in capsys.readouterr().err
