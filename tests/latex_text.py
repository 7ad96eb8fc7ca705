"""What a reader sees of a table in LaTeX."""

from __future__ import annotations

import re

__all__ = ["from_latex"]

_SHOWN = {
    "$-$": "-", "-{}-": "--", r"$\pm$": "±", r"\textbar{}": "|", r"\textbackslash{}": "\\", r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^", r"\textless{}": "<", r"\textgreater{}": ">", r"\par": "", "{}": "",
}  # fmt: skip


def from_latex(text: str) -> str:
    """The text without heads' line breaks and escapes."""
    text = re.sub(
        r"\\begin\{tabular\}\[t\]\{@\{\}l@\{\}\}(.*?)\\end\{tabular\}", lambda cell: cell[1].replace(r" \\ ", " "), text
    )
    text = re.sub(r"\\shortstack\[.\]\{(.*?)\}(?= &| \\\\\n)", lambda stack: stack[1].replace(r" \\ ", " "), text)
    for written, shown in _SHOWN.items():
        text = text.replace(written, shown)
    return re.sub(r"\\([&%#_${}])", r"\1", text)
