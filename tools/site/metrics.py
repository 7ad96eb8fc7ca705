"""A page for each metric: formula and source from its docstring, settings, what it says where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ganbench
from ganbench.components import ComponentDescription
from ganbench.registry.metrics import find_metric
from tools.site.known import ROWS, SIZES, measured
from tools.site.markdown import escaped, table

__all__ = ["pages"]

_BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": "neither is better"}


def pages() -> dict[str, str]:
    """Markdown: a page for each metric, and a list that leads to them."""
    names = list(ganbench.catalogue()["metrics"])
    scores = measured(names)
    described = {name: ganbench.describe_component(name) for name in names}
    return {"metrics/index.md": _index(described, scores)} | {
        f"metrics/{name}.md": _page(name, about, scores[name]) for name, about in described.items()
    }


def _index(described: dict[str, ComponentDescription], scores: Mapping[str, Sequence[str]]) -> str:
    listed = table(
        ("Metric", "What it says", "Better", "Is given besides samples"),
        [
            [_link(name), f"{escaped(about.summary)}.", about.direction, escaped(", ".join(about.needs))]
            for name, about in described.items()
        ],
    )
    known = table(("Headline of", *ROWS), [[_link(name), *row] for name, row in scores.items() if any(row)])
    toctree = "\n".join(described)
    return f"{_INTRODUCTION}\n{listed}\n{_KNOWN}\n{known}\n:::{{toctree}}\n:hidden:\n\n{toctree}\n:::\n"


def _link(name: str) -> str:
    """A link whose text may be broken behind every word."""
    text = name.replace("_", "_\N{ZERO WIDTH SPACE}")
    return f"[{text}]({name}.md)"


_INTRODUCTION = """\
# How each number is computed

`ganbench list` shows the same list, with the metrics that other packages bring. A metric is given samples and data by
their roles and returns named values with their errors, and findings that limit the trust in them.
"""

_KNOWN = f"""\
## How far to trust it

No single number is a measure of quality. The table holds the headline of every metric for samples whose standing is
known: unseen digits are as good as samples can be, the others have one defect each. A metric that cannot tell a column
from the first does not see that defect; one that prefers it must not rank models alone.

`ganbench` measured them when this page was made, on scikit-learn's 8x8 digits: {SIZES["samples"]} samples of each kind,
against {SIZES["train"]} training, {SIZES["valid"]} validation and {SIZES["test"]} test images.
"""


def _page(name: str, about: ComponentDescription, scores: Sequence[str]) -> str:
    metric = find_metric(name).metric
    factory = type(metric)
    known = [[f"**{row}**" if row == ROWS[0] else row, score] for row, score in zip(ROWS, scores, strict=True)]
    standing = (
        "## Where the truth is known\n\n"
        "Samples of known standing, as the [overview](index.md) explains them; ± is the standard error that the metric "
        f"states.\n\n{table(('Samples', f'`{name}`'), known)}"
        if any(scores)
        else "It needs the chains that samples come from, and is no use where there are none.\n"
    )
    return f"""\
# {name}

*Version {metric.version}; {_BETTER[about.direction]}; needs {", ".join(about.needs)} besides samples.*

```{{eval-rst}}
.. automodule:: {factory.__module__}
   :no-index:

.. autoclass:: {factory.__module__}.{factory.__qualname__}
```

{standing}"""
