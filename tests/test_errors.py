"""What a user reads when something is wrong."""

from __future__ import annotations

from ganbench.errors import UnknownNameError, UsageError, UserError


def test_an_unknown_name():
    error = UnknownNameError("dataset", "mnits", ["tfd", "mnist"], "Or a file.")
    assert str(error) == "Unknown dataset 'mnits'. Did you mean 'mnist'? Known: mnist, tfd. Or a file."
    assert isinstance(error, UsageError)
    assert isinstance(error, UserError)


def test_nothing_near_and_nothing_known():
    assert str(UnknownNameError("model", "xyzzy", ["mnist"])) == "Unknown model 'xyzzy'. Known: mnist."
    assert str(UnknownNameError("model", "x", [])) == "Unknown model 'x'. Known: (none)."
