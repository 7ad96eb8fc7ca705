"""ganbench: the benchmark and evaluation harness that regenerates Table 1 of Generative Adversarial Nets.

The names below are the Python front door; everything that the command line can do, they can::

    import ganbench

    outcome = ganbench.run("digits")                      # train, sample and score, or use what is stored
    frame = ganbench.table(outcome)                       # Table 1 as a pandas frame
    ganbench.evaluate(samples, "mnist").records[0]        # an array, a file, a model class or a function

They are loaded when first used, so that importing `ganbench` (and `ganbench --help`) stays fast and imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.components import catalogue, describe_component
    from ganbench.conformance import check, check_metric, check_model
    from ganbench.conformance.selftest import render_cases, selftest
    from ganbench.datasets import Dataset, Split, load_dataset
    from ganbench.errors import ModelError, UserError
    from ganbench.experiment.plan import Cell, Plan
    from ganbench.experiment.progress import Progress
    from ganbench.experiment.removal import Removal, plan_removal
    from ganbench.experiment.run import Run, evaluate, run
    from ganbench.metrics.metric import Metric
    from ganbench.model import (
        ClassConditional,
        Decoder,
        Discriminator,
        Encoder,
        GenerativeModel,
        LogDensity,
        MarkovChain,
        Reference,
    )
    from ganbench.protocols import Protocol, load_protocol
    from ganbench.records.environment import environment
    from ganbench.records.merge import merge_results
    from ganbench.records.record import Record
    from ganbench.reports.comparing import compare
    from ganbench.reports.comparison import PairedComparison
    from ganbench.reports.comparison_tables import render_comparison
    from ganbench.reports.figures import WrittenFigure, write_figures
    from ganbench.reports.formats import with_error
    from ganbench.reports.html import write_report
    from ganbench.reports.results import stored_protocols, stored_records, table, table2, write_reports
    from ganbench.reports.table1 import render_table
    from ganbench.reports.table2 import render_table2
    from ganbench.reports.verifying import verify
    from ganbench.runtime.seeding import derive_seed, torch_generator

__version__ = "0.1.0"

_HOME = {
    "Cell": "experiment.plan",
    "ClassConditional": "model",
    "Dataset": "datasets",
    "Decoder": "model",
    "Discriminator": "model",
    "Encoder": "model",
    "GenerativeModel": "model",
    "LogDensity": "model",
    "MarkovChain": "model",
    "Metric": "metrics.metric",
    "ModelError": "errors",
    "PairedComparison": "reports.comparison",
    "Plan": "experiment.plan",
    "Progress": "experiment.progress",
    "Protocol": "protocols",
    "Record": "records.record",
    "Reference": "model",
    "Removal": "experiment.removal",
    "Run": "experiment.run",
    "Split": "datasets",
    "UserError": "errors",
    "WrittenFigure": "reports.figures",
    "catalogue": "components",
    "check": "conformance",
    "check_metric": "conformance",
    "check_model": "conformance",
    "compare": "reports.comparing",
    "derive_seed": "runtime.seeding",
    "describe_component": "components",
    "environment": "records.environment",
    "evaluate": "experiment.run",
    "load_dataset": "datasets",
    "load_protocol": "protocols",
    "merge_results": "records.merge",
    "plan_removal": "experiment.removal",
    "render_cases": "conformance.selftest",
    "render_comparison": "reports.comparison_tables",
    "render_table": "reports.table1",
    "render_table2": "reports.table2",
    "run": "experiment.run",
    "selftest": "conformance.selftest",
    "stored_protocols": "reports.results",
    "stored_records": "reports.results",
    "table": "reports.results",
    "table2": "reports.results",
    "torch_generator": "runtime.seeding",
    "verify": "reports.verifying",
    "with_error": "reports.formats",
    "write_figures": "reports.figures",
    "write_report": "reports.html",
    "write_reports": "reports.results",
}

__all__ = [
    "Cell",
    "ClassConditional",
    "Dataset",
    "Decoder",
    "Discriminator",
    "Encoder",
    "GenerativeModel",
    "LogDensity",
    "MarkovChain",
    "Metric",
    "ModelError",
    "PairedComparison",
    "Plan",
    "Progress",
    "Protocol",
    "Record",
    "Reference",
    "Removal",
    "Run",
    "Split",
    "UserError",
    "WrittenFigure",
    "__version__",
    "catalogue",
    "check",
    "check_metric",
    "check_model",
    "compare",
    "derive_seed",
    "describe_component",
    "environment",
    "evaluate",
    "load_dataset",
    "load_protocol",
    "merge_results",
    "plan_removal",
    "render_cases",
    "render_comparison",
    "render_table",
    "render_table2",
    "run",
    "selftest",
    "stored_protocols",
    "stored_records",
    "table",
    "table2",
    "torch_generator",
    "verify",
    "with_error",
    "write_figures",
    "write_report",
    "write_reports",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value  # also over a module of that name, which the import has put here
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
