"""A results folder made by hand, with names that would like to be HTML."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from made_records import EDGE, make_protocol, make_record, other_score, parzen

from ganbench.metrics.metric import Curve, Finding, Value
from ganbench.protocols import DatasetPlan
from ganbench.records.record import ModelRef, Record, Training
from ganbench.records.store import Store

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def model_record(name: str, shift: float, *, dataset: str = "d", seed: int = 0, n: int = 60, **changes) -> Record:
    """A record with a likelihood of every test example, a ruler with a null, curves and a training."""
    values = tuple((np.sin(np.arange(n)) + shift + 0.01 * seed + 0.2 * np.cos(np.arange(n) * (1 + shift))).tolist())
    score = parzen(values)
    curves = {
        "bandwidth": Curve("bandwidth", "valid_mean_log_likelihood", (0.1, 0.2, 0.4), (1.0, 2.0, 1.5)),
        "samples": Curve("n_samples", "mean_log_likelihood", (10.0, 100.0), (0.5, 1.5)),
    }
    ruler = other_score(
        Value(0.3 + shift, "", 0.02, "permutations"),
        "ruler",
        values={"v": Value(0.3 + shift, "", 0.02, "permutations"), "null_v": Value(0.125)},
        findings=(Finding("few-things", f"only a few, says {HOSTILE}", "note"),),
    )
    epochs = Curve("epoch", "loss", (1.0, 2.0, 3.0), (3.0, 2.0, 1.0 + shift))
    fields = {
        "training": Training(epochs=3, curves={"loss": epochs}, seconds=10.0 + shift),
        "provenance": {"ganbench": "0.1.0", "commit": "abc123" + "0" * 34, "device": "cpu", "packages": {"numpy": "2"}},
    }
    record = make_record(values, model=name, dataset=dataset, seed=seed, **fields | changes)
    return msgspec.structs.replace(record, scores=(msgspec.structs.replace(score, curves=curves), ruler))


def write_folder(root: Path) -> Path:
    """Two models with two seeds each, a reference, a failure, a suspect row."""
    store = Store(root)
    plans = (DatasetPlan("d", title=f"D {HOSTILE}", standard_error_across=("examples",)),)
    protocol = make_protocol(datasets=plans, models=("m", "n"), titles={"m": f"M {HOSTILE}", "n": "N"}, title=HOSTILE)
    store.write_protocol(protocol)
    records = [model_record("m", 1.0, seed=seed) for seed in (0, 1)]
    records += [model_record("n", 1.0, seed=seed) for seed in (0, 1)]
    real = ModelRef("real", "real", reference="the real images, say")
    records.append(msgspec.structs.replace(model_record("real", 1.2), model=real))
    edge = model_record("edge", 0.2)
    records.append(msgspec.structs.replace(edge, scores=(parzen((0.1, 0.4) * 30, findings=(EDGE,)), edge.scores[1])))
    records.append(make_record(f"failed because {HOSTILE}", model="broken"))
    for record in records:
        store.write_record(record)
    return store.root


def write_large_folder(root: Path) -> Path:
    """Twenty models on two data sets by ten metrics, each with 10,000 test examples."""
    store = Store(root)
    models = [f"model{n}" for n in range(20)]
    plans = tuple(DatasetPlan(name, standard_error_across=("examples",)) for name in "de")
    store.write_protocol(make_protocol(datasets=plans, models=tuple(models), published=()))
    for dataset in "de":
        for number, name in enumerate(models):
            record = model_record(name, 1 + 0.1 * number, dataset=dataset, n=10_000)
            more = tuple(other_score(Value(float(np.sin(number * k)), "", 0.1, "folds"), f"ruler{k}") for k in range(8))
            store.write_record(msgspec.structs.replace(record, scores=record.scores + more))
    return store.root
