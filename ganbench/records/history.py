"""Older formats of records, and what they are in the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["upgrade"]

_LEVELS = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
_EDGE = {"code": "bandwidth-at-edge", "text": "the best bandwidth lies at the edge of the grid", "severity": "warning"}


def upgrade(content: Mapping[str, Any]) -> dict[str, Any]:
    """A record of any format as the present one, 3.

    Format 2 has no digest and is otherwise the same.

    Raises:
        KeyError: It lacks a part of its format.
    """
    return {**(_second(content) if content["schema_version"] == 1 else content), "schema_version": 3}


def _second(old: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 as format 2. The scores have no keys: a run computes them again, a table shows them.

    The settings of a score are those that format 1 tells, and the hash of the protocol that holds the others.
    """
    training = old["training"]
    record = {
        "schema_version": 2,
        "protocol": old["protocol"],
        "dataset": {"name": old["dataset"], "checksum": old["dataset_checksum"]},
        "model": {"name": old["model"], "spec": old["model_spec"], "hyperparameters": dict(old["hyperparameters"])},
        "fold": old["fold"],
        "seed": old["seed"],
        "status": old["status"],
        "reason": old["reason"],
        "traceback": old["traceback"],
        "scores": [
            *_parzen(old["likelihood"], old["protocol_fingerprint"]),
            *_neighbors(old["nearest_neighbors"], old["protocol_fingerprint"]),
        ],
        "timing": {k: v for k, v in old["timing"].items() if k != "score_seconds"},
        "provenance": dict(old["provenance"]),
    }
    if old["status"] == "done":
        record["samples"] = {"n": old["n_samples"], "sha256": old["samples_sha256"]}
    if training:
        record["training"] = {
            "epochs": training["epochs"],
            "metrics": dict(training["metrics"]),
            "seconds": old["timing"].get("train_seconds", 0.0),
            "provenance": dict(training["provenance"]),
        }
    return record


def _parzen(likelihood: Mapping[str, Any], fingerprint: str) -> list[dict[str, Any]]:
    if not likelihood:
        return []
    refined = "refined" in likelihood
    parts = {"": likelihood["refined"], "grid_": likelihood["grid"]} if refined else {"": likelihood["grid"]}
    values: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    for prefix, part in parts.items():
        values[f"{prefix}mean_log_likelihood"] = {
            "value": part["mean_log_likelihood"],
            "unit": "nats",
            "standard_error": part["standard_error"],
            "across": "examples",
            "per_example": part["log_likelihoods"],
        }
        values[f"{prefix}bandwidth"] = {"value": part["bandwidth"]}
        values[f"{prefix}valid_mean_log_likelihood"] = {"value": part["valid_mean_log_likelihood"], "unit": "nats"}
        values[f"{prefix}effective_kernels"] = {"value": part["median_effective_kernels"]}
        curves[f"{prefix}bandwidth"] = {
            "x_name": "bandwidth",
            "y_name": "valid_mean_log_likelihood",
            "x": part["grid"],
            "y": part["valid_curve"],
        }
    findings = [_EDGE] if parts[""]["at_edge"] else []
    settings = {"grid": likelihood["grid"]["grid"], "protocol_fingerprint": fingerprint}
    if not refined:
        settings["refinement_steps"] = 0
    return [_score("parzen", values, curves, findings, settings)]


def _neighbors(distances: Mapping[str, Any], fingerprint: str) -> list[dict[str, Any]]:
    if not distances:
        return []
    values: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    for role in ("generated", "test"):
        quantiles = distances[role]["quantiles"]
        values[f"{role}_median"] = {"value": quantiles[3]}
        values[f"{role}_mean"] = {"value": distances[role]["mean"]}
        curves[f"{role}_quantiles"] = {
            "x_name": "share of examples",
            "y_name": "distance",
            "x": _LEVELS,
            "y": quantiles,
        }
    return [_score("nearest_neighbors", values, curves, [], {"protocol_fingerprint": fingerprint})]


def _score(
    metric: str, values: Mapping[str, Any], curves: Mapping[str, Any], findings: list[Any], settings: dict[str, Any]
) -> dict[str, Any]:
    return {
        "metric": metric,
        "version": 1,
        "settings": settings,
        "key": "",
        "headline": next(iter(values)),
        "values": values,
        "curves": curves,
        "findings": findings,
    }
