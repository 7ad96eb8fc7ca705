"""The documentation: every snippet runs, every command line is accepted, every source is in the bibliography.

`tox -e docs` builds the site, which checks its references and the links between its pages.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest
from checkout import make_importable

import ganbench
from ganbench.cli import build_parser, main

make_importable("tools")

from tools.site import api  # noqa: E402
from tools.site.docstrings import read_formulas, typeset  # noqa: E402
from tools.site.links import broken  # noqa: E402
from tools.site.snippets import Snippet, commands, snippets  # noqa: E402

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ADDRESS = re.compile(r"https?://(?:arxiv\.org/abs|doi\.org|jmlr\.org)/[^\s\"'>]+")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


class Session:
    """A page from top to bottom, in one folder: Python shares its names, commands are called by `main`."""

    def __init__(self, page: Path) -> None:
        self.page, self.names, self.printed = page, {"__name__": "__main__"}, ""

    def run(self, snippet: Snippet) -> None:
        kind = "long" if "long" in snippet.options.get("class", "") else snippet.language
        getattr(self, f"_{kind}")(snippet)

    def _long(self, snippet: Snippet) -> None:
        """Only its commands are looked at, by another test."""

    def _file(self, snippet: Snippet) -> None:
        source = (self.page.parent / snippet.text).resolve()
        assert source.is_file(), f"{snippet.text} is not there"
        if source.parent == ROOT / "examples":
            shutil.copy(source, source.name)

    def _toml(self, snippet: Snippet) -> None:
        path = Path(snippet.options["caption"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(snippet.text, encoding="utf-8")

    def _python(self, snippet: Snippet) -> None:
        self.printed = self._captured(lambda: exec(compile(snippet.text, str(self.page), "exec"), self.names))

    def _shell(self, snippet: Snippet) -> None:
        expected = int(snippet.options.get("class", "exits-0").removeprefix("exits-"))
        codes = []

        def call() -> None:
            for line in snippet.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["ganbench"]:
                    codes.append(main(words[1:]))
                elif words:
                    assert words[0] == "python", f"a snippet calls ganbench or python; got {line!r}"
                    runpy.run_path(words[1], run_name="__main__")

        self.printed = self._captured(call)
        assert set(codes) <= {expected}, self.printed

    def _text(self, snippet: Snippet) -> None:
        """What the snippet above prints, `...` standing for anything."""
        right = doctest.OutputChecker().check_output(snippet.text, self.printed, OUTPUT)
        assert right, f"line {snippet.line} is not what was printed:\n{self.printed}"

    def _captured(self, call) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            call()
        return "\n".join(line.rstrip() for line in (out.getvalue() or err.getvalue()).splitlines()) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=name)
def test_snippets_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANBENCH_RESULTS", raising=False)
    session = Session(page)
    for snippet in snippets(page):
        session.run(snippet)


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_commands_are_accepted_by_the_parser(page):
    for command in commands(page):
        with contextlib.suppress(SystemExit):  # of what is refused, whose code is the last
            build_parser().parse_args(shlex.split(command)[1:])
            continue
        pytest.fail(f"{name(page)}: {command}")


def test_there_are_commands_and_snippets_to_look_at():
    assert sum(len(commands(page)) for page in TEXTS) > 30
    assert sum(len(snippets(page)) for page in PAGES) > 30


def test_every_source_is_in_the_bibliography():
    """Under the address by which code, protocols and pages name it."""
    known = {
        address(text)
        for text in (ROOT / "ganbench" / "references.bib").read_text(encoding="utf-8").split("url = {")[1:]
    }
    files = [
        path
        for folder in (ROOT / "ganbench", ROOT / "baselines", DOCS)
        for path in folder.rglob("*")
        if path.suffix in (".py", ".toml", ".md") and not {"generated", "_build"} & set(path.parts)
    ]
    for path in files:
        for found in ADDRESS.findall(path.read_text(encoding="utf-8")):
            assert address(found) in known, f"{name(path)} names {found}, which ganbench/references.bib does not have"


def address(text: str) -> str:
    """Without what follows in a sentence."""
    return re.match(r"[^\s}]+?(?=[.,:;)]*(?:[\s}]|$))", text).group().lower()


class TestFormulas:
    def test_plain_formulas_become_tex_and_code_stays(self):
        lines = ["With two sets,", "", "    a = b   / c", "", "and so on::", "", "    code", "", "Bars |x| and `|y|`."]
        found = typeset(lines, {"a = b / c": r"a = \frac{b}{c}"})
        assert found[2:6] == [".. math::", "", r"   a = \frac{b}{c}", ""]
        assert "    code" in found
        assert found[-1] == r"Bars \|x\| and `|y|`."

    def test_a_formula_without_tex_is_refused(self):
        with pytest.raises(KeyError):
            typeset(["Text:", "", "    a = b"], {})

    def test_every_formula_is_one_of_a_docstring(self):
        sources = " ".join(
            " ".join(path.read_text(encoding="utf-8").split()) for path in (ROOT / "ganbench").rglob("*.py")
        )
        for plain in read_formulas(DOCS / "formulas.toml"):
            assert plain in sources.replace("\\\\", "\\"), plain


def test_the_public_names_are_documented_once():
    entries = [line.split()[-1] for page in api.pages().values() for line in page.splitlines() if ".. auto" in line]
    assert len(set(entries)) == len(entries)
    assert {f"ganbench.{public}" for public in ganbench.__all__ if public != "__version__"} <= set(entries)


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there"><a href="#here"><a href="#no"><img src="c.png">'
    )
    (tmp_path / "b.html").write_text('<a href="../a.html"><a href="https://example.org/x"><a href="a.html#here">')
    assert sorted(broken(tmp_path)) == ["a.html: #no", "a.html: b.html#there", "a.html: c.png", "b.html: ../a.html"]
