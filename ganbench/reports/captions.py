"""What a picture says about the record that it comes from."""

from __future__ import annotations

from ganbench.records.record import Record

__all__ = ["describe", "provenance"]


def describe(record: Record) -> str:
    """Model, data set, fold, seed, and the headline of the first score with its error and its bandwidth."""
    text = f"{record.model.spec} on {record.dataset.name}, {record.fold}, seed {record.seed}"
    if not record.scores:
        return text
    score = record.scores[0]
    value = score.values[score.headline]
    error = "" if value.standard_error is None else f" ± {value.standard_error:.2f}"
    across = f" (standard error across {value.across})" if value.across else ""
    bandwidth = score.values.get("bandwidth")
    at = "" if bandwidth is None else f" at bandwidth {bandwidth.value:.3f}"
    return f"{text}: {score.headline.replace('_', ' ')} {value.value:.2f}{error} {value.unit}".rstrip() + at + across


def provenance(record: Record) -> dict[str, str]:
    """What the metadata of a picture says of where it comes from.

    Protocol, model (its spec, with its mark where it has one), data set, fold, seed, the commit that scored it, and key
    and sha256 of the samples.
    """
    return {
        "protocol": record.protocol,
        "model": record.model.identity,
        "dataset": record.dataset.identity,
        "fold": record.fold,
        "seed": str(record.seed),
        "commit": str(record.provenance.get("commit", "")),
        "samples key": "" if record.samples is None else record.samples.key,
        "samples sha256": "" if record.samples is None else record.samples.sha256,
    }
