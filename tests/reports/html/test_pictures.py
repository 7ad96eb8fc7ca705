"""Pictures in the cards of the page."""

from __future__ import annotations

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import ganbench
from ganbench.reports.html import write_report
from ganbench.reports.record_sheets import SHEETS, sheet_text
from ganbench.reports.results import write_reports
from ganbench.reports.sheets import TITLE_HEIGHT

_FIGURE = re.compile(r'<figure><img src="data:image/png;base64,([^"]*)" alt="([^"]*)".*?<figcaption>(.*?)</figcaption>')


@pytest.fixture
def folder(tmp_path, toy_images):
    """Two copies of training images among forty samples, with sheets."""
    with np.load(toy_images) as arrays:
        samples = np.concatenate([arrays["train"][:2], np.random.default_rng(0).random((38, 3, 3), np.float32)])
    write_reports(ganbench.evaluate(samples, toy_images, results=tmp_path / "results", metrics=["nearest_neighbors"]))
    return tmp_path / "results"


def _figures(folder) -> list[tuple[np.ndarray, str, str]]:
    found = []
    for picture, alt, caption in _FIGURE.findall(write_report(folder).read_text(encoding="utf-8")):
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            found.append((np.asarray(image.convert("RGB")).astype(int), alt, caption))
    return found


def test_a_card_shows_samples_pairs_and_suspects_with_captions_as_text(folder):
    figures = _figures(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    width = re.search(r"Pictures of .* nats at bandwidth ([.\d]+) \(standard error across examples\)\.</p>", page)[1]
    assert len(figures) == len(SHEETS) == len({alt for _, alt, _ in figures})
    for name, (pixels, _, caption) in zip(SHEETS, figures, strict=True):
        (sheet,) = folder.glob(f"sheets/**/{name}")
        text = sheet_text(sheet.read_bytes())
        assert caption == text["Description"]
        assert text["Title"].endswith(f" nats at bandwidth {width} (standard error across examples). {caption}")
        with Image.open(sheet) as image:
            below = np.asarray(image)[int(text[TITLE_HEIGHT]) :].astype(int)
        assert pixels.shape == below.shape  # the title is text, and in the picture no more
        assert np.abs(pixels - below).mean() < 12  # it has few greys
    assert "is 0.00 to " in figures[2][2]
    assert "Null: of test examples" in figures[2][2]


def test_sheets_of_other_samples_are_not_shown(folder):
    for path in folder.glob("sheets/**/*.png"):
        with Image.open(path) as image:
            image.save(path)  # which forgets the text
    assert _figures(folder) == []
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "No pictures: The samples of" in page


def test_an_older_folder_without_suspects_is_shown_as_it_is(folder):
    next(folder.glob("sheets/**/suspicion.png")).unlink()
    shutil.rmtree(folder / "samples", ignore_errors=True)
    assert len(_figures(folder)) == 2


def test_samples_stand_beside_their_null(folder):
    page = write_report(folder).read_text(encoding="utf-8")
    table = page[page.index("Samples beside held-out data, the null") :].partition("</table>")[0]
    assert '<th scope="col">samples</th><th scope="col">test data</th>' in table
    assert re.findall(r'<th scope="row">(.*?)</th>', table) == ["nearest_neighbors: median", "nearest_neighbors: mean"]
