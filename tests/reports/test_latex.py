"""Tables in LaTeX: structure, nothing that acts, and a compiler that takes them where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ganbench.reports.latex import render_latex

_HOSTILE = 'a_b #1 50% $5 & ~x^2 {y} \\write18{rm} <img> "q" `q\' [x] |'
_STRANGE = "\u6a21\u578b α \U0001f600 \u0104 é ± × − –"
_CASES = {
    "plain": (
        "Scores: 100% of them",
        ["Model", "Digits, measured ± SE across test examples", "Digits, verdict"],
        [["DBN", "-23.02 ± 0.66", "exceeded (+5.0)"], ["References, no models:", "", ""], ["Noise", "-", "-"]],
        ["SE: population standard deviation.", "A second note, with `--seeds` -1 and n - 1 and 2026-11-25."],
    ),
    "hostile": (
        f"Title\n{_HOSTILE}",
        [_HOSTILE, f"[{_HOSTILE}", "*"],
        [[_HOSTILE, "1", "*"], ["[x]", "2 ± 1", "3"], ["*", "\\\\", "\n\n\\par"]],
        [_HOSTILE, "\\end{table}\n% not a comment"],
    ),
    "strange": (_STRANGE, [_STRANGE, "b"], [[_STRANGE, "1"]], [_STRANGE]),
    "empty": ("", ["Model"], [], []),
    "no lines": ("t", ["Model", "b"], [], ["note"]),
}


@pytest.fixture(params=list(_CASES))
def text(request) -> str:
    return render_latex(*_CASES[request.param])


def _body(text: str) -> list[str]:
    """The lines between the rules."""
    return text.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()


def test_the_parts_of_a_float_stand_in_order():
    lines = render_latex(*_CASES["plain"]).splitlines()
    assert lines[1:9] == [
        "\\begin{table}", "\\centering", "\\caption{Scores: 100\\% of them}", "\\label{tab:scores-100-of-them}",
        "\\sbox0{\\begin{tabular}{lrl}", "\\toprule",
        r"Model & \shortstack[r]{Digits, \\ measured $\pm$ SE \\ across test \\ examples} & Digits, verdict \\",
        "\\midrule",
    ]  # fmt: skip
    assert _body("\n".join(lines)) == [
        "DBN & $-$23.02 $\\pm$ 0.66 & exceeded (+5.0) \\\\",
        "\\addlinespace \\multicolumn{3}{l}{\\textit{References, no models:}} \\\\",
        "Noise & -- & -- \\\\",
    ]
    end = lines.index("\\bottomrule")
    assert lines[end + 1] == "\\end{tabular}}"
    assert lines[-3:] == [
        "A second note, with \\texttt{-{}-seeds} $-$1 and n $-$ 1 and 2026-11-25.\\par",
        "\\end{minipage}",
        "\\end{table}",
    ]


def test_environments_and_braces_are_closed(text):
    opened = []
    for what, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\[&%#_${}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0


def test_nothing_of_a_user_acts(text):
    commands = set(re.findall(r"\\([a-zA-Z]+)", text.replace("\\\\", "")))
    ours = (
        "begin end centering caption label sbox toprule midrule bottomrule addlinespace multicolumn texttt textit "
        "shortstack ifdim wd linewidth resizebox usebox else fi par medskip footnotesize raggedright pm times textless "
        "textgreater textbar textbackslash textasciitilde textasciicircum"
    )
    assert commands <= set(ours.split())
    bare = re.sub(r"\\[&%#_${}]|\\label\{.*\}", "", text.partition("\n")[2])
    assert not set("%#_^~") & set(bare)
    heads = {re.sub(r"\\shortstack.*?\}", "", line).replace("\\&", "").count("&") for line in _body(text)} - {0}
    assert len(heads) <= 1  # each line has as many cells as the others


def test_what_a_line_begins_with_is_no_argument_of_the_line_before():
    lines = _body(render_latex(*_CASES["hostile"]))
    assert lines[1].startswith("{}[x]")
    assert lines[2].startswith("{}*")
    assert "\\\\ [" not in render_latex(*_CASES["hostile"])


def test_characters_without_a_glyph_are_code_points():
    text = render_latex(*_CASES["strange"])
    assert "\\caption{[U+6A21][U+578B] [U+03B1] [U+1F600] [U+0104] é $\\pm$ $\\times$ $-$ –}" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_a_compiler_takes_them(tmp_path):
    tables = [render_latex(*case) for case in _CASES.values()]
    tables += [
        path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "results/tables").glob("*.tex")
    ]
    for number, table in enumerate(tables):
        (tmp_path / f"t{number}.tex").write_text(table, encoding="utf-8")
    inputs = "\n".join(f"\\input{{t{number}}}\\clearpage" for number in range(len(tables)))
    preamble = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
    document = f"{preamble}\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"LaTeX Warning: Reference" not in done.stdout
