"""Figures of a results folder: what is drawn, what is not and why, and what the files say of themselves."""

from __future__ import annotations

import io
import json

import msgspec
import numpy as np
import pytest
from made_records import make_record
from PIL import Image

import ganbench
from ganbench.cli import main
from ganbench.metrics.metric import Curve
from ganbench.records.record import Record, Training
from ganbench.records.store import Store
from ganbench.reports import figures
from ganbench.reports.figures import curves, figure2, figure3
from ganbench.reports.figures.drawing import Drawing, blank, pixel_figure, save
from ganbench.reports.figures.source import Source
from ganbench.reports.sheets import FRAME

_SMALL = "adversarial[epochs=1]"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """The adversarial nets after an epoch on digits, by the protocol of the digits."""
    folder = tmp_path_factory.mktemp("results")
    ganbench.run("digits", models=[_SMALL], results=folder, jobs=1)
    return Store(folder)


@pytest.fixture
def source(store) -> Source:
    return Source(store, ganbench.load_protocol("digits"), tuple(store.records("digits")))


@pytest.fixture(autouse=True)
def _no_games(monkeypatch):
    """The figures of the line are looked at in test_line.py."""
    monkeypatch.setattr(figures, "_of_the_game", lambda: [Drawing("figure1", reason="not asked for")])


def test_pictures_keep_their_pixels_and_files_are_made_alike(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for folder in ("a", "b"):
        drawing = Drawing("x", pixel_figure(pixels), "a caption ±", metadata={"protocol": "p"}, dpi=100)
        written = save(drawing, tmp_path / folder)
    for name in ("x.png", "x.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert written.files == (tmp_path / "b" / "x.png", tmp_path / "b" / "x.pdf")
    with Image.open(written.files[0]) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pixels)
        assert (image.text["Description"], image.text["protocol"]) == ("a caption ±", "p")
    assert save(Drawing("y", reason="why"), tmp_path).reason == "why"


def test_figure_2_has_the_nearest_training_images(source):
    (drawing,) = figure2.drawings(source)
    record = source.records[0]
    assert drawing.metadata["samples sha256"] == record.samples.sha256
    assert "the first 36 stored samples" in drawing.caption
    (image,) = drawing.figure.axes[0].images
    pixels = np.asarray(image.get_array())
    assert (pixels[0, -1] == FRAME).all()
    train, samples = source.split(record).train, source.samples(record)
    for row in range(6):
        sample = samples[6 * row + 5]
        nearest = train[np.square(train - sample).sum((1, 2)).argmin()]
        shown = pixels[2 + 66 * row : 66 + 66 * row : 8, -66:-2:8, 0]
        np.testing.assert_array_equal(shown, np.round(255 * nearest).astype(np.uint8))
        left = pixels[2 + 66 * row : 66 + 66 * row : 8, 332 : 332 + 64 : 8, 0]
        np.testing.assert_array_equal(left, np.round(255 * sample.astype(float)).astype(np.uint8))


def test_figure_3_goes_from_a_decoded_code_to_another(source):
    (drawing,) = figure3.drawings(source)
    (image,) = drawing.figure.axes[0].images
    pixels = np.asarray(image.get_array()).astype(float)
    assert pixels.shape == (4 * 66 + 2, 11 * 66 + 2, 3)
    first, middle, last = (pixels[2:66, 2 + 66 * k : 66 + 66 * k] for k in (0, 5, 10))
    assert np.abs(first - last).max() > np.abs(first - middle).max() > 0


def test_what_cannot_be_drawn_has_a_reason(source, tmp_path):
    empty = Source(Store(tmp_path), source.protocol, source.records)
    (second,) = figure2.drawings(empty)
    assert "are not stored. Run it again" in second.reason
    (third,) = figure3.drawings(empty)
    assert "is not there" in third.reason
    other = msgspec.structs.replace(
        source.records[0], model=msgspec.structs.replace(source.records[0].model, spec="gsn")
    )
    (third,) = figure3.drawings(Source(source.store, source.protocol, (other,)))
    assert third.reason
    foreign = msgspec.structs.replace(
        source.records[0], dataset=msgspec.structs.replace(source.records[0].dataset, checksum="e" * 64)
    )
    (second,) = figure2.drawings(Source(source.store, source.protocol, (foreign,)))
    assert "is not the one of the record" in second.reason


def test_likelihood_against_bandwidth_and_samples(source):
    record = source.records[0]
    score = record.score("parzen")
    both = dict(score.curves) | {"samples": Curve("n_samples", "mean_log_likelihood", (10, 100), (1, 2))}
    scores = (msgspec.structs.replace(score, curves=both),)
    drawn = {d.name.partition("-")[0]: d for d in curves.drawings(
        Source(source.store, source.protocol, (msgspec.structs.replace(record, scores=scores),)))}  # fmt: skip
    axes = drawn["bandwidth"].figure.axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), score.curves["grid_bandwidth"].y)
    ((x,), (y,)) = axes.containers[0].lines[0].get_data()
    assert (x, y) == (score.values["bandwidth"].value, score.values["mean_log_likelihood"].value)
    assert list(drawn["samples"].figure.axes[0].lines[0].get_ydata()) == [1, 2]


def test_likelihood_curves_that_are_missing_are_said():
    record = make_record()
    kinds = {d.name: d.reason for d in curves.drawings(Source(None, None, (record,)))}
    assert set(kinds) == {"learning-d-m", "bandwidth-d", "samples-d"}
    assert all(kinds.values())


def with_curves(fold: str, seed: int, loss: tuple[float, ...]) -> Record:
    kept = {"loss": Curve("epoch", "loss", (1, 2), loss), "valid": Curve("epoch", "valid", (2,), (7,))}
    return make_record(fold=fold, seed=seed, training=Training(epochs=2, curves=kept))


def test_learning_curves_have_a_panel_each():
    records = (with_curves("standard", 0, (3, 2)), with_curves("standard", 1, (4, 1)))
    learning = next(curves.drawings(Source(None, None, records)))
    assert [panel.get_title() for panel in learning.figure.axes] == ["loss", "valid"]
    assert [len(panel.lines) for panel in learning.figure.axes] == [2, 2]
    assert list(learning.figure.axes[0].lines[0].get_ydata()) == [3, 2]
    assert [text.get_text() for text in learning.figure.legends[0].get_texts()] == ["seed 0", "seed 1"]


def test_folds_that_share_a_training_are_one_line_and_the_legend_covers_no_panel(recwarn):
    folds = [f"fold{i}" for i in range(5)]
    shared = [with_curves(fold, seed, (3, seed)) for seed in range(5) for fold in folds]
    learning = next(curves.drawings(Source(None, None, tuple(shared))))
    assert [len(panel.lines) for panel in learning.figure.axes] == [5, 5]
    own = [with_curves(fold, seed, (i, seed)) for seed in range(5) for i, fold in enumerate(folds)]
    learning = next(curves.drawings(Source(None, None, tuple(own))))
    assert len({(line.get_color(), line.get_linestyle()) for line in learning.figure.axes[0].lines}) == 25
    learning.figure.draw_without_rendering()
    legend = learning.figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(panel.get_tightbbox()) for panel in learning.figure.axes)
    assert learning.figure.axes[0].get_window_extent().height > 100
    assert not recwarn.list


def test_the_command_lists_files_and_reasons(store, tmp_path, capsys):
    arguments = ["report", str(store.root), "--figures", "--output", str(tmp_path)]
    assert main([*arguments, "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["figure1"]["reason"] == "not asked for"
    drawn = [path for row in rows.values() for path in row["files"]]
    assert sorted(drawn) == sorted(str(path) for path in tmp_path.rglob("*.*"))
    assert {path.rpartition(".")[2] for path in drawn} == {"png", "pdf"}
    assert all(bool(row["files"]) != bool(row["reason"]) for row in rows.values())
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == drawn
    assert "figure1 was not drawn: not asked for" in captured.err


def test_nothing_global_is_drawn_on():
    figure, axes = blank(3, 2)
    assert axes.shape == (1, 1)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as image:
        assert image.size == (300, 200)
