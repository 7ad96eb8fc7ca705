"""Whether a program has become slower, from paired rounds: pure functions of log(new time / base time).

Every round measures both sides within a moment of each other and gives one log-ratio. A slow-down is seen if

    the median ratio of all rounds exceeds the threshold, and
    the lower confidence bound of the median exceeds 1.

The bound is that of the sign test. If the median of the log-ratios is 0, each of n rounds contradicts a slow-down with
probability 1/2, so at most c rounds contradict it with probability

    P(Bin(n, 1/2) <= c) = sum_{i <= c} C(n, i) / 2^n

and c is the largest for which this is within the level. Equivalently, the (c+1)-th smallest log-ratio bounds the median
from below. Nothing is supposed about the distribution: one round that was disturbed a hundredfold counts as one round.

Rounds are stopped when more than half of all that are planned lie on this side of the threshold, since the median of
all of them then does too, whatever the rest would show. This changes no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

__all__ = ["Rule", "Verdict", "contradictions_allowed", "fewest_rounds", "median_interval"]

Verdict = Literal["slower", "faster", "same"]


def contradictions_allowed(rounds: int, level: float) -> int:
    """The largest c with P(Bin(rounds, 1/2) <= c) <= level; -1 if there is none.

    >>> contradictions_allowed(21, 0.01 / 34)
    2
    """
    tail = 0
    for successes in range(rounds + 1):
        tail += math.comb(rounds, successes)
        if tail > level * 2**rounds:
            return successes - 1
    return rounds


def fewest_rounds(level: float) -> int:
    """The fewest rounds by which anything can be seen at a level: all of them agree."""
    return math.ceil(math.log2(1 / level))


def median_interval(log_ratios: Sequence[float], error: float = 0.05) -> tuple[float, float]:
    """Two order statistics that enclose the median with probability 1 - error; the whole range if rounds are few."""
    ordered = sorted(log_ratios)
    outside = max(contradictions_allowed(len(ordered), error / 2), 0)
    return ordered[outside], ordered[len(ordered) - 1 - outside]


@dataclass(frozen=True)
class Rule:
    """How a verdict comes about.

    Attributes:
        rounds: Rounds planned.
        threshold: Ratio of medians that matters, above 1.
        level: Probability of a false alarm by one series of rounds.
    """

    rounds: int
    threshold: float
    level: float

    def judge(self, log_ratios: Sequence[float]) -> Verdict:
        """The verdict on a series; "same" if it was stopped early."""
        if len(log_ratios) < self.rounds:
            return "same"
        if self._exceeds(log_ratios):
            return "slower"
        return "faster" if self._exceeds([-value for value in log_ratios]) else "same"

    def is_settled(self, log_ratios: Sequence[float]) -> bool:
        """Whether more rounds could not change the verdict."""
        limit = math.log(self.threshold)
        not_above = sum(value <= limit for value in log_ratios)
        not_below = sum(value >= -limit for value in log_ratios)
        return len(log_ratios) >= self.rounds or min(not_above, not_below) > self.rounds / 2

    def _exceeds(self, log_ratios: Sequence[float]) -> bool:
        allowed = contradictions_allowed(len(log_ratios), self.level)
        lower_bound = sorted(log_ratios)[allowed] if allowed >= 0 else -math.inf
        return median(log_ratios) > math.log(self.threshold) and lower_bound > 0
