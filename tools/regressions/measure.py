"""Two worker processes, one a side, that take turns: the base and the tree are measured in the same moments.

Only one of them works at a time. A round sets a benchmark up on both sides, takes samples in the order A B, B A, A B
..., and keeps the shortest sample of each side. Rounds go over all benchmarks in turn, so those of one benchmark are
spread over the whole run. What disturbs measurements on a shared machine, and what is done about it:

    bursts of load     samples are short and alternate, so that both sides meet the same burst; the shortest counts
    drift              the two sides of a round are milliseconds apart, and who goes first alternates
    steady load        two clocks: a benchmark is judged by the wall clock and, unless it mostly waits, also by
                       processor time, which does not count what others run meanwhile
    unequal cores      a round keeps both sides to the same core, and the next round takes another
    luck of a process  addresses and pages stay for the life of a process. Both are replaced after two thirds of the
                       rounds, and then start in the other order. The heap is kept (MALLOC_*): when it shrinks and grows
                       between calls, page faults alone make one process up to 1.4 times slower than its twin
    compilation        both trees lie in folders of equal length and are compiled beforehand; hashes are not random
    threads            one: two are disturbed twice as often

So what is compared is the work of one thread with warm memory; asv measures with all threads.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.errors import UserError
from tools.regressions.sign_test import Rule

__all__ = ["SIDES", "TOO_LONG", "Case", "Pair", "Setting", "measure"]

SIDES = ("base", "tree")
CLOCKS = ("wall", "processor")
TOO_LONG = "too long"

_WORKER = Path(__file__).with_name("worker.py")
_SAMPLE = 0.03  # seconds that a sample should take at least
_ROUND = 0.5  # seconds that the samples of one side of a round should take together
_SAMPLES = 8  # at most
_BUSY = 0.25  # share of the wall time, beyond which processor time means something
_QUIET = {
    "PYTHONSAFEPATH": "1",  # or the working directory comes before the tree
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_TOP_PAD_": str(2**26),
}


@dataclass(frozen=True)
class Setting:
    """Where things lie.

    Attributes:
        trees: The folder of the sources of each side.
        benchmarks: The folder of the benchmarks, the same for both.
        scratch: A folder for each side to work in.
        longest: Seconds that a call may take on the base, to be made again and again.
    """

    trees: dict[str, Path]
    benchmarks: Path
    scratch: dict[str, Path]
    longest: float


@dataclass
class Case:
    """A benchmark with its parameters, and what was measured.

    Attributes:
        label: What it is known by on both sides.
        name: Its module, class and method.
        parameters: Its parameters in words.
        number: Calls in a sample; 0 before the warm-up.
        samples: Samples a round.
        clocks: The clocks by which it is judged.
        seconds: By side and clock, the shortest time of one call in each round.
        problem: Why it cannot be compared; "" if it can.
        culprit: The side that has the problem, or `TOO_LONG`.
    """

    label: str
    name: str
    parameters: str
    number: int = 0
    samples: int = 0
    clocks: tuple[str, ...] = CLOCKS
    seconds: dict[tuple[str, str], list[float]] = field(
        default_factory=lambda: {(side, clock): [] for side in SIDES for clock in CLOCKS}
    )
    problem: str = ""
    culprit: str = ""

    def log_ratios(self, clock: str) -> list[float]:
        """log(tree / base) of every round."""
        pairs = zip(self.seconds["tree", clock], self.seconds["base", clock], strict=True)
        return [math.log(tree / base) for tree, base in pairs]

    def is_settled(self, rule: Rule) -> bool:
        """Whether there is nothing more to measure."""
        return bool(self.problem) or all(rule.is_settled(self.log_ratios(clock)) for clock in self.clocks)

    def again(self) -> Case:
        """The same, to be measured anew."""
        return Case(self.label, self.name, self.parameters, self.number, self.samples, self.clocks)


class _Failed(Exception):
    """A side cannot run a benchmark."""

    def __init__(self, side: str, reason: str) -> None:
        super().__init__(reason)
        self.side, self.reason = side, reason


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, side: str, setting: Setting) -> None:
        tree = setting.trees[side]
        self.side, self.tree = side, tree
        path = [str(tree), str(tree / "baselines"), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, str(_WORKER), side, str(tree), str(setting.benchmarks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=setting.scratch[side],
            env=os.environ | _QUIET | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
            start_new_session=True,  # an interrupt is for the parent, which ends the worker
        )

    def read(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            UserError: The process has ended, or its sources are not those of the tree.
        """
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "stranger" in answer:
            raise UserError(
                f"The process that measures the {self.side} imported {answer['stranger']}, not from {self.tree}. "
                "Look for what puts itself before PYTHONPATH in this environment."
            )
        return answer

    def ask(self, action: str, **details: Any) -> dict[str, Any]:
        """Have something done.

        Raises:
            _Failed: The benchmark cannot be run, or does not apply.
        """
        try:
            if self.process.stdin is not None:
                self.process.stdin.write(json.dumps({"do": action, **details}) + "\n")
                self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        answer = self.read()
        if "error" in answer or "skipped" in answer:
            raise _Failed(self.side, answer.get("error", "skipped"))
        return answer

    def _ended(self) -> UserError:
        code = self.process.wait()
        return UserError(f"The process that measures the {self.side} has ended with exit code {code}; see above.")

    def end(self) -> None:
        """End the process; there is nothing in it to lose."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Pair:
    """The two workers, which are there for the time of a `with`."""

    def __init__(self, setting: Setting, workers: dict[str, _Worker]) -> None:
        self.setting, self.workers = setting, workers
        self.offers = {side: worker.read()["benchmarks"] for side, worker in workers.items()}

    @classmethod
    @contextmanager
    def started(cls, setting: Setting, order: Sequence[str]) -> Iterator[Pair]:
        """Start them in an order and hear what they have; end them."""
        with ExitStack() as stack:
            workers = {}
            for side in order:
                workers[side] = _Worker(side, setting)
                stack.callback(workers[side].end)
            yield cls(setting, workers)

    def cases(self) -> list[Case]:
        """All benchmarks of the tree; those that the base does not have say so."""
        in_base = {offer["label"] for offer in self.offers["base"]}
        cases = [Case(**offer) for offer in self.offers["tree"]]
        for case in cases:
            if case.label not in in_base:
                case.problem, case.culprit = "no such benchmark, or its module cannot be imported there", "base"
        return cases

    def warm_up(self, case: Case) -> None:
        """Run it on both sides, and choose the numbers of calls and samples if they are not chosen."""
        seconds = self._interleave(case, case.number or 1, samples=1, shift=1)
        if case.samples:
            return
        if seconds["base", "wall"] > self.setting.longest:
            case.problem, case.culprit = f"{seconds['base', 'wall']:.1f} s a call", TOO_LONG
            return
        if seconds["base", "wall"] < _ROUND:  # the first call does not tell
            seconds = self._interleave(case, case.number or 1, samples=2, shift=1)
        call = min(seconds[side, "wall"] for side in SIDES)
        case.number = case.number or max(1, round(_SAMPLE / call))
        case.samples = min(math.ceil(_ROUND / (call * case.number)), _SAMPLES)
        if any(seconds[side, "processor"] < _BUSY * seconds[side, "wall"] for side in SIDES):
            case.clocks = CLOCKS[:1]

    def round(self, case: Case, shift: int) -> None:
        """Take one round; `shift` says who goes first, and on which core."""
        for key, shortest in self._interleave(case, case.number, case.samples, shift).items():
            case.seconds[key].append(shortest)

    def _interleave(self, case: Case, number: int, samples: int, shift: int) -> dict[tuple[str, str], float]:
        shortest = dict.fromkeys(case.seconds, math.inf)
        for side in reversed(SIDES):  # what fails on both sides is a fault of the tree
            self.workers[side].ask("open", label=case.label, turn=shift)
        for turn in range(shift, shift + samples):
            for side in SIDES if turn % 2 == 0 else reversed(SIDES):
                sample = self.workers[side].ask("sample", number=number)
                for clock in CLOCKS:
                    shortest[side, clock] = min(shortest[side, clock], sample[clock])
        for side in SIDES:
            self.workers[side].ask("close")
        return shortest


def _attempt(step: Callable[..., None], case: Case, *details: Any) -> None:
    try:
        step(case, *details)
    except _Failed as failure:
        case.problem, case.culprit = failure.reason, failure.side


def measure(
    setting: Setting, choose: Callable[[Pair], tuple[list[Case], Rule]], tell: Callable[[str], None]
) -> tuple[list[Case], Rule]:
    """Measure cases until the rule is settled on every one of them, by two pairs of workers.

    Args:
        setting: Where things lie.
        choose: The cases and the rule, given the first pair.
        tell: Is told how it goes.

    Returns:
        What `choose` chose; the cases hold what was measured, or a problem.
    """
    cases: list[Case] = []
    rule: Rule | None = None
    for order in (SIDES, SIDES[::-1]):
        if rule is not None and all(case.is_settled(rule) for case in cases):
            break
        with Pair.started(setting, order) as pair:
            if rule is None:
                cases, rule = choose(pair)
            change = rule.rounds * 2 // 3
            _rounds(pair, cases, rule, range(change) if order == SIDES else range(change, rule.rounds), tell)
    if rule is None:
        raise RuntimeError("nothing was chosen")
    return cases, rule


def _rounds(pair: Pair, cases: list[Case], rule: Rule, numbers: Iterable[int], tell: Callable[[str], None]) -> None:
    tell("warming up")
    for case in _unsettled(cases, rule):
        _attempt(pair.warm_up, case)
    for number in numbers:
        active = _unsettled(cases, rule)
        if not active:
            break
        tell(f"round {number + 1} of {rule.rounds}, benchmarks: {len(active)}")
        for case in active:
            _attempt(pair.round, case, number)


def _unsettled(cases: list[Case], rule: Rule) -> list[Case]:
    return [case for case in cases if not case.is_settled(rule)]
