"""Values that others printed, what is known of how they were made, and the rule by which ours are held against them."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ganbench.schema import convert

__all__ = ["Judgement", "Published", "published_elsewhere"]


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value that somebody else printed, in nats, and where.

    Attributes:
        model: Name of the model; of a row that no model of ours stands for, its title.
        dataset: Name of the data set.
        mean: The value.
        source: Who printed it, and where.
        standard_error: Its error as printed; None where none was.
        address: Of the source.
        recalled: The number is from memory and has not been read in the source.
        n_samples: How many samples it was made from; 0 where that is not known.
        comparable: Whether it was made by this protocol as far as the number depends on it.
        reason: Why it is not comparable.
        differences: In what it is known to have been made otherwise, comparable or not.
    """

    model: str
    dataset: str
    mean: float
    source: str
    standard_error: float | None = None
    address: str = ""
    recalled: bool = False
    n_samples: int = 10_000
    comparable: bool = True
    reason: str = ""
    differences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.standard_error or 0.0)):
            raise ValueError(f"a published mean and its error are finite; got {self.mean} and {self.standard_error}")
        if self.comparable == bool(self.reason):
            raise ValueError(
                f"a published value has a reason exactly when it is not comparable; {self.model!r} on {self.dataset!r} "
                f"has comparable = {str(self.comparable).lower()} and the reason {self.reason!r}"
            )


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a measured value is held against a published one, and trainings against each other.

    With d = (measured - published) / sqrt(published error^2 + our error^2 + s^2 (1 + 1/k)), where s is the standard
    deviation of k > 1 trainings of ours, the verdict is the first of these that holds:

    - *not run*: there is no measured value;
    - *protocol differs*: the published value is not comparable, or a finding of `voided_by` stands against ours;
    - *reproduced*: abs(d) <= `within`;
    - *exceeded*: d > `within`;
    - *budget-limited*: d < -`within`, and the model was trained for less than its preset says;
    - *not reached*: d < -`within`.

    Attributes:
        within: Combined standard errors.
        voided_by: Codes of findings.
        epochs: The hyper-parameter that says how long a preset trains; of a list, one for each stage, the sum.
        level: Probability that another training falls within the ± that is shown for trainings.
    """

    within: Annotated[float, Meta(gt=0, le=100)] = 2.0
    voided_by: tuple[str, ...] = ()
    epochs: str = "epochs"
    level: Annotated[float, Meta(gt=0, lt=1)] = 0.95


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    published: tuple[Published, ...]


def published_elsewhere() -> tuple[Published, ...]:
    """The Parzen log-likelihoods of later papers, and of others that ran these models again."""
    text = (Path(__file__).parent / "literature" / "parzen.toml").read_text(encoding="utf-8")
    return convert(tomllib.loads(text), _File).published
