"""The page: all that records hold, escaped, in one file."""

from __future__ import annotations

import builtins
import re
import time
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from report_records import write_large_folder

from ganbench.cli import main
from ganbench.reports.html import write_report

_VOID = {"meta", "link", "img", "input", "br"}


class _Page(HTMLParser):
    """Tags with their attributes, text by tag, and whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open:
            self.texts.append((self.open[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(folder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text) -> _Page:
    return _Page(text)


def test_nothing_of_a_user_becomes_html(page):
    assert len(page.all("script")) == 1  # ours
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert [image for image in page.all("img") if not image["src"].startswith("data:")] == []
    assert any("alert(1)" in text for _, text in page.texts)  # it is shown as text
    assert not any("alert" in text for tag, text in page.texts if tag == "script")


def test_nothing_comes_from_elsewhere(page, text):
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), (tag, address)
    assert "@import" not in text
    assert "url(" not in text


def test_it_can_be_read_by_ear(page):
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(headings))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(svg.get("aria-label") for svg in page.all("svg"))
    assert all(cell.get("scope") for cell in page.all("th"))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for a in page.all("a") if (a.get("href") or "").startswith("#")]
    assert set(links) <= set(ids)


def test_all_that_is_measured_is_there(text, page):
    words = " ".join(" ".join(t for _, t in page.texts).split())
    assert "0.125" in words  # the null of the ruler,
    assert "null (held-out data)" in words
    assert "valid mean log likelihood against bandwidth" in words
    assert "mean log likelihood against n samples" in words
    assert "Learning curve: loss" in words
    assert "Reference, not a model: the real images, say" in words
    assert "the best bandwidth is at the edge" in words
    assert "failed because" in words
    assert "git checkout abc123" in words
    assert "ganbench run-all --protocol toy --models m --datasets d --seeds 2 --metrics ruler --device cpu" in words
    assert "c" * 64 in words


def test_suspect_rows_are_marked_and_only_these(page):
    rows = [a.get("class", "").split() for tag, a in page.tags if tag == "tr" and "class" in a]
    assert sum("suspect" in classes for classes in rows) == 2  # the edge and the failure
    assert sum("reference" in classes for classes in rows) == 1


def test_references_are_landmarks_and_in_no_pair(text, page):
    marks = [t for tag, t in page.texts if tag == "title" and t.startswith("real:")]
    assert len(marks) >= 3
    pairs = re.findall(r"All (\d+) pairs", text)
    assert pairs == ["3"]  # of m, n and edge


def test_the_same_records_give_the_same_page(folder, text):
    assert write_report(folder).read_text(encoding="utf-8") == text


def test_the_command_writes_it_and_says_where(folder, capsys, tmp_path):
    assert main(["report", str(folder), "--output", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_without_the_extra_it_says_what_to_install(folder, capsys, monkeypatch):
    real = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    assert main(["report", str(folder)]) == 2
    assert 'pip install "ganbench[report]"' in capsys.readouterr().err


@pytest.mark.slow
def test_twenty_models_two_data_sets_ten_rulers_in_time(tmp_path):
    folder = write_large_folder(tmp_path)
    clocks = (time.perf_counter, time.process_time)  # the first counts other programs, the second all threads
    started = [clock() for clock in clocks]
    page = write_report(folder)
    assert min(clock() - start for clock, start in zip(clocks, started, strict=True)) < 20
    assert page.stat().st_size < 5e6
