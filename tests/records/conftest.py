"""Records made by hand."""

from __future__ import annotations

import pytest

from ganbench.records.record import Record


@pytest.fixture(scope="session")
def make_record():
    """Makes a record; `values` are the log-likelihoods of the test examples, or a reason for failure."""

    def make(values=(1.0, 2.0, 3.0), *, fold="fold0", seed=0, model="m", dataset="d", **changes) -> Record:
        if isinstance(values, str):
            outcome = {"status": "failed", "reason": values}
        else:
            score = {
                "bandwidth": 0.2,
                "mean_log_likelihood": sum(values) / len(values),
                "log_likelihoods": list(values),
                "at_edge": False,
            }
            coarse = score | {
                "bandwidth": 0.3,
                "mean_log_likelihood": score["mean_log_likelihood"] - 10,
                "log_likelihoods": [v - 10 for v in values],
            }
            outcome = {"status": "done", "n_samples": 50, "likelihood": {"refined": score, "grid": coarse}}
        fields = {
            "key": f"{dataset}{model}{fold}{seed}",
            "protocol": "toy",
            "protocol_fingerprint": "p",
            "model": model.partition("[")[0],
            "model_spec": model,
            "hyperparameters": {},
            "dataset": dataset,
            "dataset_checksum": "" if isinstance(values, str) else "c",
            "fold": fold,
            "seed": seed,
        }
        return Record(**fields | outcome | changes)

    return make
