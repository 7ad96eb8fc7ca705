"""The contract of a metric: the manual for authors.

A metric is any object with the attributes and the method of `Metric`; no base class is needed. The smallest one::

    from ganbench.metrics import MetricResult, Value

    class PixelMean:
        name, version, direction, symmetric = "pixel_mean", 1, "lower", True
        needs = ("test",)

        def measure(self, *, generated, test):
            distance = (generated.mean(0) - test.mean(0)).abs().mean()
            return MetricResult({"pixel_mean_distance": Value(float(distance))})

`ganbench check ./my_metric.py:PixelMean` tells whether the contract is kept; a method ``reference_cases()`` (see
`ganbench.metrics.case`) brings cases whose answer is known to `ganbench selftest`. A package makes its metric known by
an entry point of the group `ganbench.metrics`; a protocol names it in `metrics = [...]`, a command by `--metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    import torch

__all__ = [
    "ROLES",
    "Chains",
    "Curve",
    "Direction",
    "Features",
    "Finding",
    "Labels",
    "Metric",
    "MetricResult",
    "Value",
]

ROLES = ("train", "valid", "test", "labels", "features", "chains", "generator")
"""What a metric may need besides the generated samples."""

Direction = Literal["higher", "lower", "neither"]
"""Which first values are better."""

Features = Callable[["torch.Tensor"], "torch.Tensor"]
"""Examples `[n, *event_shape]` to their features `[n, d]`."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A number, its error, and what the error is across.

    Numbers of NumPy and torch, and vectors of them, become plain ones.

    Attributes:
        value: The number, finite.
        unit: Its unit, as "nats"; empty for a pure number.
        standard_error: Its standard error; None where there is none, never zero for want of data.
        across: What the error is across, as "examples" or "permutations"; empty without an error.
        per_example: Where the number is a mean over the test examples, their values in order.
    """

    value: float
    unit: str = ""
    standard_error: float | None = None
    across: str = ""
    per_example: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _make_plain(self, value=float(self.value), per_example=_plain(self.per_example))
        if self.standard_error is not None:
            _make_plain(self, standard_error=float(self.standard_error))
        for name, number in (("value", self.value), ("standard_error", self.standard_error or 0.0)):
            if not math.isfinite(number):
                raise ValueError(f"{name} must be finite; got {number!r}")
        if not all(map(math.isfinite, self.per_example)):
            raise ValueError(f"per_example must be finite; {self.value!r} has values that are not")
        if (self.standard_error is None) != (self.across == ""):
            raise ValueError("a standard error says what it is across, and only a standard error does")
        if self.standard_error is not None and self.standard_error < 0:
            raise ValueError(f"a standard error must not be negative; got {self.standard_error!r}")


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pairs of numbers, as the log-likelihood against the bandwidth: what they are, and their values."""

    x_name: str
    y_name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        _make_plain(self, x=_plain(self.x), y=_plain(self.y))
        if len(self.x) != len(self.y):
            raise ValueError(f"a curve has as many x as y; got {len(self.x)} and {len(self.y)}")
        if not all(map(math.isfinite, (*self.x, *self.y))):
            raise ValueError(f"the curve of {self.y_name!r} must be finite")


def _plain(numbers: Any) -> tuple[float, ...]:
    if type(numbers) is tuple and all(type(number) is float for number in numbers):
        return numbers
    return tuple(map(float, numbers))


def _make_plain(struct: msgspec.Struct, **fields: Any) -> None:
    for name, value in fields.items():
        msgspec.structs.force_setattr(struct, name, value)


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a reader must know before trusting a value.

    Attributes:
        code: For programs: words joined by hyphens.
        text: For people: a sentence.
        severity: A "warning" marks the value in every table; a "note" stands beside it where there is room.
        about: The metric's own "value", or the "samples", and with them the values of all metrics; or the "data", of
            which every table says it in its notes.
    """

    code: str
    text: str
    severity: Literal["note", "warning"] = "warning"
    about: Literal["value", "samples", "data"] = "value"


class MetricResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a metric says of one set of samples.

    Attributes:
        values: Named values; the first is the one that a table shows, and whose direction the metric states.
        curves: Named curves.
        findings: What limits the trust in the values.
    """

    values: dict[str, Value]
    curves: dict[str, Curve] = {}
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a result has at least one value")
        _make_plain(self, findings=tuple(self.findings))


class Labels(msgspec.Struct, frozen=True):
    """Class labels of the examples of a split, int64 `[n]` each; None where there are none."""

    train: Any = None
    valid: Any = None
    test: Any = None


class Chains(msgspec.Struct, frozen=True):
    """The Markov chains that samples come from.

    Attributes:
        samples: By where chains started ("noise", "mean", "train"), what they were after the burn-in, every `thinning`
            steps: `[rounds, chains, *event_shape]`. The generated samples are those of the first, round by round.
        origins: `[chains]` int64, the training example at which each chain of the start "train" began.
        burn_in: Steps before the first sample.
        thinning: Steps from one sample of a chain to the next.
        autocorrelation_times: In steps, by what was followed: the longest among the leading principal "components" and,
            where the data have labels, among the indicators of the "classes".
    """

    samples: dict[str, Any]
    origins: Any
    burn_in: int
    thinning: int
    autocorrelation_times: dict[str, float]


@runtime_checkable
class Metric(Protocol):
    """What the harness asks of a metric.

    Construction is ``Metric(**settings)``: every setting is a keyword with a default and is checked on construction (a
    `ValueError` with a clear text).

    Attributes:
        name: Its name, as in spec strings.
        version: Raised whenever a change makes another number; part of the key of every stored score.
        direction: Of the first value: "higher" is better, "lower" is, or "neither".
        needs: Which of `ROLES` it is given besides the samples; a stored score depends on these and no others.

    Four attributes may be left out. ``uses = ("labels",)`` names roles that it is given where there are any: arguments
    with `None`, or parts that are None, otherwise. ``reads = ("weights.npz",)`` names files on whose content a stored
    score depends as well. Two tell `ganbench check` what to expect:

    - ``symmetric = True``: samples and test data may exchange roles without changing the first value;
    - ``at_identity``: the first value where the samples are the test data. Without it, a metric with a direction must
      there be as good as with any other samples.
    """

    @property
    def name(self) -> str:
        """As above; a plain attribute of the class will do, here and below."""
        ...

    @property
    def version(self) -> int:
        """As above."""
        ...

    @property
    def direction(self) -> str:
        """As above."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """As above."""
        ...

    @property
    def measure(self) -> Callable[..., MetricResult]:
        """``measure(*, generated, **needs) -> MetricResult``: a pure function of its arguments, all by role.

        - ``generated``: `[m, *event_shape]` float32 samples, on one device with ``train``, ``valid`` and ``test``; none
          may be changed;
        - ``labels``: a `Labels`;
        - ``features``: a function of examples to their features `[n, d]`;
        - ``chains``: the `Chains` that the samples come from; other samples are not measured by a metric that needs it;
        - ``generator``: a seeded `torch.Generator` on the CPU, the only source of random numbers.

        Raises:
            UserError: It cannot be computed here; the text says why and what to do.
        """
        ...
