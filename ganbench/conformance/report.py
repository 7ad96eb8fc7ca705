"""Running checks and reporting what came out: one result for each check, whatever the code under examination does."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from ganbench.registry.user_files import calling_user_code, user_error_place
from ganbench.runtime.surroundings import process_settings, random_settings, restored

__all__ = ["Check", "CheckResult", "NotExamined", "Violation", "run_checks"]

S = TypeVar("S")


class Violation(Exception):
    """The contract is broken; the text says how, and what to do."""


class NotExamined(Exception):
    """A check cannot tell; the text says why."""


class _OutOfTime(BaseException):
    """The code under examination has not come to an end. No `except Exception` of a user's stops it."""


@dataclass(frozen=True)
class Check(Generic[S]):
    """One demand on what is examined.

    Attributes:
        examine: Raises `Violation`, or any other exception, where the demand is not met; its docstring is the demand.
        needs: The checks without which this one can tell nothing.
    """

    examine: Callable[[S], None]
    needs: Sequence[Callable[[S], None]] = ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.examine.__name__

    @property
    def demand(self) -> str:
        """What is demanded, as a sentence."""
        return " ".join((self.examine.__doc__ or "").split())


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        name: The name of the check.
        demand: What it demands, as a sentence.
        violation: What is wrong and what to do, or why it was not examined; empty when the check is passed.
        status: What came out.
    """

    name: str
    demand: str
    violation: str
    status: Literal["passed", "failed", "not examined"]


def run_checks(checks: Sequence[Check[S]], subject: S, seconds_per_check: float) -> Iterator[CheckResult]:
    """Run checks in their order, yielding the result of each.

    A check that needs another one which was not passed is not examined, nor is one that ends with the same words as
    one before it, so that one fault is reported once. What the code under examination prints goes to stderr, and the
    settings of the process are put back after every check. In the main thread (on systems with timers) a check is
    stopped when its time is over.
    """
    passed: set[Callable[[S], None]] = set()
    found: dict[str, str] = {}
    for check in checks:
        missing = next((needed.__name__ for needed in check.needs if needed not in passed), None)
        if missing is not None:
            yield CheckResult(check.name, check.demand, f"{missing} was not passed.", "not examined")
            continue
        result = _result(check, subject, seconds_per_check)
        if result.status == "passed":
            passed.add(check.examine)
        elif found.setdefault(result.violation, check.name) != check.name:
            result = replace(
                result, violation=f"{found[result.violation]} failed in the same way.", status="not examined"
            )
        yield result


def _result(check: Check[S], subject: S, seconds: float) -> CheckResult:
    def result(violation: str, status: Literal["passed", "failed", "not examined"]) -> CheckResult:
        return CheckResult(check.name, check.demand, violation, status)

    try:
        with restored((*process_settings(), *random_settings())), calling_user_code(), _time_limit(seconds):
            check.examine(subject)
    except Violation as violation:
        return result(str(violation), "failed")
    except NotExamined as reason:
        return result(str(reason), "not examined")
    except _OutOfTime as error:
        advice = "Where does its loop end? If it only is slow, examine it with smaller settings or allow more seconds."
        return result(f"It was stopped after {seconds:g} s{_at(error)}. {advice}", "failed")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - what is examined fails in any way; how is the result
        return result(f"{type(error).__name__}: {error}{_at(error)}", "failed")
    return result("", "passed")


def _at(error: BaseException) -> str:
    place = user_error_place(error)
    return f" ({place})" if place else ""


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> None:
        raise _OutOfTime

    previous = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 5.0)  # again, where a bare `except:` has taken the first
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, previous)
