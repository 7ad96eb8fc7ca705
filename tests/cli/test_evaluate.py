"""`ganbench evaluate`: one model or one file of samples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from written_formats import write_pictures

import ganbench


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
    assert f"{name} on squares, standard, seed 0, protocol digits" in out
    assert re.search(r"    mean log likelihood +-?\d+\.\d\d ± \d+\.\d\d nats \(SE across 12 test examples\)", out)
    assert re.search(r"    grid mean log likelihood +-?\d+", out)
    assert re.search(r"    effective kernels +\d", out)
    assert "warning: 30 samples instead of 10000" in out
    assert re.search(r"    generated median +0\.\d+", out)
    (row,) = [r for r in json.loads(command("table", "--format", "json")[1]) if r["metric"] == "parzen"]
    assert (row["model"], row["n_samples"], row["seeds"]) == (name, 30, 1)
    assert command("table")[1].startswith("Scores by the protocol 'digits'\n\nModel")  # its title is of other data


def test_a_plan_on_other_data_than_the_protocols_does_not_bear_its_title(command, samples, toy_images):
    path = samples(np.random.default_rng(5).random((30, 9)))
    _, out, _ = command("run-all", "--models", path, "--datasets", toy_images, "--dry-run")
    assert out.startswith("Scores by the protocol 'digits': 1 cell, 0 stored, 1 to run.\n")


def test_the_number_is_that_of_the_definition(command, samples, toy_images):
    values = np.random.default_rng(6).random((10, 9)).astype(np.float32)
    _, out, _ = command("evaluate", samples(values), "--dataset", toy_images, "--quiet", "--json")
    scores = {score["metric"]: score for score in json.loads(out)["scores"]}
    found = scores["parzen"]["values"]
    bandwidth = found["grid_bandwidth"]["value"]
    test = np.load(toy_images)["test"].reshape(12, 9).astype(np.float64)
    square = ((test[:, None] - values[None].astype(np.float64)) ** 2).sum(2)
    kernels = np.exp(-square / (2 * bandwidth**2)).mean(1) / (2 * np.pi * bandwidth**2) ** 4.5
    mean = found["grid_mean_log_likelihood"]
    assert mean["per_example"] == pytest.approx(np.log(kernels), abs=2e-6)  # rounded to 1e-6
    assert mean["value"] == pytest.approx(np.log(kernels).mean(), abs=1e-6)
    assert mean["standard_error"] == pytest.approx(np.log(kernels).std() / np.sqrt(12), abs=1e-6)
    train = np.load(toy_images)["train"].reshape(24, 9).astype(np.float64)
    nearest = np.sqrt(((values[:, None].astype(np.float64) - train) ** 2).sum(2)).min(1)
    distances = scores["nearest_neighbors"]
    quantiles = np.quantile(nearest, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    assert distances["curves"]["generated_quantiles"]["y"] == pytest.approx(quantiles, rel=1e-6)
    assert distances["values"]["generated_mean"]["value"] == pytest.approx(nearest.mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.full((5, 9), 300.0),
            "range from 300 to 300; the data lie in [0, 1].",
        ),
        (np.arange(18, dtype=np.uint8).reshape(2, 9), "whole numbers up to 17: say --scale=0..255, or the true one"),
        (np.linspace(-0.8, 0.8, 18).reshape(2, 9), "They may be on -1..1: say --scale=-1..1 if so."),
        (np.full((2, 9), -7.0), "Bring them to the scale of the data, or name theirs by its black and white"),
        (np.zeros((5, 8)), "samples have shape [5, 8]; expected [n, 3, 3] or [n, 9] with n >= 1."),
        (np.zeros((5, 2, 3, 3)), "samples have shape [5, 2, 3, 3]"),
        (np.zeros((0, 9)), "samples have shape [0, 9]"),
        (np.zeros(()), "samples have shape []"),
        (np.array([[0.5] * 8 + [np.nan], [0.5] * 9]), "1 of 2 samples hold NaN or infinity"),
        (np.array([[0.5] * 8 + [np.inf]]), "1 of 1 samples hold NaN or infinity"),
        (np.zeros((2, 9), complex), "real numbers"),
        (np.array(["a"]), "real numbers"),
    ],
)
def test_samples_that_cannot_be_scored(command, samples, toy_images, tmp_path, values, message):
    code, out, err = command("evaluate", samples(values), "--dataset", toy_images, "--quiet")
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "results").exists()  # an input error is no row


def test_files_that_hold_no_samples(command, samples, toy_images, tmp_path):
    one = np.zeros((2, 9))
    (tmp_path / "pictures").mkdir()
    cases = {
        samples(name="two.npz", a=one, b=one): "holds 2 arrays (a, b); which are the samples?",
        str(tmp_path / "pictures"): "is a folder that holds no PNG or JPEG files",
        str(tmp_path / "nowhere.npz"): "there is no file",
    }
    (tmp_path / "text.npz").write_text("hello")
    cases[str(tmp_path / "text.npz")] = "text.npz"
    for path, message in cases.items():
        code, out, err = command("evaluate", path, "--dataset", toy_images, "--quiet")
        assert code in (1, 2)
        assert message in err
        assert "Traceback" not in out + err
        assert not (tmp_path / "results").exists()
    path = samples(name="both.npz", samples=one + 0.5, labels=np.zeros(2))
    assert command("evaluate", path, "--dataset", toy_images, "--quiet")[0] == 0


def test_what_is_converted_is_said_in_progress_output_and_record(command, samples, toy_images):
    images = np.load(toy_images)["train"]
    plain = json.loads(command("evaluate", samples(images), "--dataset", toy_images, "--json")[1])
    path = samples(name="theirs.npz", arr_0=np.repeat(2 * images[..., None] - 1, 3, -1), arr_1=np.arange(24))
    _, out, err = command("evaluate", path, "--dataset", toy_images, "--json")
    record = json.loads(out)
    assert record["samples"]["sha256"] == plain["samples"]["sha256"]
    assert "findings" not in plain["samples"]
    assert [finding["code"] for finding in record["samples"]["findings"]] == ["layout", "scale"]
    assert {finding["severity"] for finding in record["samples"]["findings"]} == {"note"}
    for finding in record["samples"]["findings"]:
        assert f"  note: {finding['text']}.\n" in err
    text = command("evaluate", path, "--dataset", toy_images, "--quiet")[1]
    assert "  note: Found the shape [24, 3, 3, 3], read as NHWC, grey in three equal channels" in text


def test_what_cannot_be_told_is_said_by_flags_and_makes_a_row_of_its_own(command, samples, toy_images):
    images = np.load(toy_images)["train"]
    path = samples(np.rint(images * 16).swapaxes(1, 2))
    code, _, err = command("evaluate", path, "--dataset", toy_images, "--quiet")
    assert (code, "say --scale=0..255, or the true one, as --scale=0..16" in err) == (1, True)
    rows = []
    for flags in (["--scale=0..16"], ["--scale=0..16", "--layout", "nwh"]):
        code, out, _ = command("evaluate", path, "--dataset", toy_images, "--quiet", "--json", *flags)
        assert code == 0
        rows.append(json.loads(out))
    assert rows[1]["model"]["spec"] == 'mine.npz[layout=NWH,scale="0..16"]'
    assert rows[0]["model"]["hyperparameters"] == {"scale": "0..16"}
    again = command(
        "run-all", "--models", rows[1]["model"]["spec"].replace("mine.npz", path), "--datasets", toy_images, "--quiet"
    )
    assert again[0] == 0
    stored = [r for r in json.loads(command("table", "--format", "json")[1]) if r["metric"] == "parzen"]
    assert {row["model"] for row in stored} == {row["model"]["spec"] for row in rows}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--scale=grey"], "The scale 'grey' is not known"),
        (["--layout", "XYZ"], "The layout 'XYZ' is not known"),
        (["--layout", "NCHW"], "By the layout NCHW they do not fit"),
    ],
)
def test_flags_that_do_not_fit(command, samples, toys, toy_images, flags, said):
    code, _, err = command("evaluate", samples(), "--dataset", toy_images, "--quiet", *flags)
    assert (code in (1, 2), said in err) == (True, True)
    code, _, err = command("evaluate", f"{toys}:uniform", "--dataset", toy_images, "--quiet", "--scale=0..255")
    assert (code, "--scale say what samples are like; there are none here" in err) == (2, True)


def test_a_folder_of_pictures_and_arrays_in_python(command, toy_images, tmp_path):
    images = np.rint(np.load(toy_images)["train"] * 255).astype(np.uint8)
    folder = write_pictures(tmp_path / "pictures", images)
    code, out, _ = command("evaluate", str(folder), "--dataset", toy_images, "--quiet", "--json")
    record = json.loads(out)
    assert (code, record["model"]["spec"], record["samples"]["n"]) == (0, "pictures", 24)
    outcome = ganbench.evaluate(images.swapaxes(1, 2), toy_images, layout="NWH", scale="0..255")
    assert outcome.records[0].samples.sha256 == record["samples"]["sha256"]


def test_a_model_is_trained_and_taken_from_the_store_the_second_time(command, toys, toy_images):
    arguments = ["evaluate", f"{toys}:PixelwiseGaussian", "--dataset", toy_images, "--seeds", "2"]
    code, out, err = command(*arguments)
    assert (code, err.splitlines()[0].endswith("2 cells, 0 stored, 2 to run.")) == (0, True)
    assert "Mean and its standard error across" in out
    assert re.search(r"^  seeds: mean log likelihood -?\d+\.\d+ ± 0\.\d+ nats$", out, flags=re.MULTILINE)
    code, again, err = command(*arguments)
    assert (code, again, "2 stored, 0 to run" in err) == (0, out, True)


def test_records_as_json_lines(command, toys, toy_images):
    arguments = ["evaluate", f"{toys}:RaisesInSample", "--dataset", toy_images, "--json", "--quiet", "--seeds", "2"]
    code, out, _ = command(*arguments)
    assert code == 1
    reasons = [json.loads(line)["reason"] for line in out.splitlines()]
    assert [reason.partition(" (models.py")[0] for reason in reasons] == ["RuntimeError: no samples today"] * 2


def test_two_files_of_one_name_are_two_rows_and_one_file_is_one(command, toy_images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, seed in (("A", 1), ("B", 2)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "x.npy", np.random.default_rng(seed).random((20, 9)))
    for path in ("A/x.npy", "B/x.npy", "./A/x.npy", str(tmp_path / "A" / "x.npy")):
        assert command("evaluate", path, "--dataset", toy_images, "--quiet")[0] == 0
    rows = [r for r in json.loads(command("table", "--format", "json")[1]) if r["metric"] == "parzen"]
    assert len({row["value"] for row in rows}) == 2
    titles = [row["model"] for row in rows]
    assert all(title.startswith("x.npy@") for title in titles)
    assert len(set(titles)) == len(titles) == 2


_NOISY = """
import argparse, sys
print("at import")
options = argparse.ArgumentParser()
options.add_argument("--depth", default=3)
depth = options.parse_args().depth

class Loud(PixelwiseGaussian):
    def fit(self, train, *, generator):
        print("in fit")
        yield from super().fit(train, generator=generator)

    def sample(self, n, *, generator):
        print("in sample")
        return super().sample(n, generator=generator)
"""


def test_a_script_that_prints_and_reads_its_arguments(process, toys, toy_images, tmp_path):
    (tmp_path / "loud.py").write_text(Path(toys).read_text(encoding="utf-8") + _NOISY, encoding="utf-8")
    arguments = ["--dataset", toy_images, "--results", str(tmp_path / "results"), "--quiet", "--json"]
    done = process("-m", "ganbench", "evaluate", f"{tmp_path}/loud.py:Loud", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "done"
    # imported here, to see that it can be, and in the process that runs it
    assert done.stderr.splitlines() == ["at import", "at import", "in fit", "in sample"]


def test_data_that_are_not_here(command, toys, tmp_path):
    (tmp_path / "data").mkdir()
    arguments = ["--dataset", "tfd", "--data", str(tmp_path / "data"), "--quiet"]
    code, out, err = command("evaluate", f"{toys}:uniform", *arguments)
    assert (code, out) == (1, "")
    assert f"not run for want of data: tfd.\n  The data of 'tfd' are missing: looked for {tmp_path}/data/" in err
    assert "was given (--data DIR" in err
    assert "GANBENCH_DATA" not in err
    assert not (tmp_path / "results").exists()


def test_missing_data_and_failures_are_told_as_by_run_all(command, samples, toys, toy_images, tmp_path):
    code, out, err = command("evaluate", samples(), "--dataset", "tfd", "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith("ganbench: goodfellow2014: not run for want of data: tfd.\n  The data of 'tfd' are missing")
    assert err.count("The folder of the data") == 1
    code, out, err = command("evaluate", f"{toys}:RaisesInSample", "--dataset", toy_images, "--quiet")
    assert (code, out.splitlines()[1:]) == (1, ["  failed"])
    assert "failed: RuntimeError: no samples today" in err
    assert f"The traceback is in {tmp_path / 'results' / 'records'}" in err
