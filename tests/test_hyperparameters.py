from __future__ import annotations

import doctest
import re

import pytest

import ganbench.hyperparameters
from ganbench.modelling import check_choice, check_flag, check_integer, check_number, per_layer

NAN, INF = float("nan"), float("inf")


def test_the_examples_are_right():
    assert doctest.testmod(ganbench.hyperparameters) == (0, 6)


@pytest.mark.parametrize(
    ("bounds", "accepted", "refused", "words"),
    [
        ({}, [1, 7, 10**30], [0, -1, 1.0, True, "1", None, [1], ()], "a whole number of at least 1"),
        ({"least": 0}, [0, 1], [-1, False], "a whole number of at least 0"),
        ({"least": -2, "most": 3}, [-2, 3], [-3, 4, INF, NAN], "a whole number of at least -2 and at most 3"),
        ({"each": True}, [[1], (1, 2)], [1, [], (), [1, 0], [1, 2.0], [True], "12", {1}, None],
         "one or more whole numbers of at least 1"),
    ],
)  # fmt: skip
def test_integers(bounds, accepted, refused, words):
    holds_what_it_says(lambda value: check_integer("epochs", value, **bounds), "epochs", accepted, refused, words)


@pytest.mark.parametrize(
    ("bounds", "accepted", "refused", "words"),
    [
        ({}, [0, -1.5, 1e300], [NAN, INF, -INF, True, "1", None, [1.0], 1j], "a number"),
        ({"least": 0, "below": 1}, [0, 0.0, 0.999], [-1e-9, 1, 1.0], "a number of at least 0 and below 1"),
        ({"above": 0, "most": 1}, [1e-9, 1, 1.0], [0, 0.0, 1.001], "a number above 0 and of at most 1"),
        ({"above": -0.5, "below": 0.5}, [0, -0.49], [-0.5, 0.5], "a number above -0.5 and below 0.5"),
        ({"least": 0, "each": True}, [[0.1], (0, 1)], [0.1, [], [0.1, -1], [NAN], "0", [[1]]],
         "one or more numbers of at least 0"),
    ],
)  # fmt: skip
def test_numbers(bounds, accepted, refused, words):
    holds_what_it_says(lambda value: check_number("rate", value, **bounds), "rate", accepted, refused, words)


def test_choices():
    refused = ["Top", "", None, 0, ["top"], ("top", "input")]
    holds_what_it_says(
        lambda value: check_choice("jacobian", value, ("top", "input")),
        "jacobian", ["top", "input"], refused, "'top', 'input'",
    )  # fmt: skip


def test_flags():
    holds_what_it_says(
        lambda value: check_flag("tied", value), "tied", [True, False], [0, 1, None, "true", [True]], "true or false"
    )


def holds_what_it_says(check, name, accepted, refused, words):
    for value in accepted:
        check(value)
    for value in refused:
        with pytest.raises(ValueError, match=f"^{re.escape(f'{name} is {value!r}; accepted: {words}.')}$"):
            check(value)


def test_one_value_stands_for_all_layers():
    assert per_layer("epochs", 3, 2, check_integer) == (3, 3)
    assert per_layer("epochs", [3, 4], 2, check_integer) == (3, 4)
    assert per_layer("noise", "uniform", 2, check_choice, accepted=["uniform"]) == ("uniform", "uniform")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([3], "one value, or 2 of them (one for each layer)"),
        ([3, 4, 5], "one value, or 2 of them (one for each layer)"),
        ((), "one value, or 2 of them (one for each layer)"),
        (-1, "a number of at least 0"),
        ("34", "a number of at least 0"),
        ([1, -1], "one or more numbers of at least 0"),
    ],
)
def test_values_of_layers_are_checked(value, words):
    """The text shows what was given, not what it stands for."""
    with pytest.raises(ValueError, match=f"^{re.escape(f'rate is {value!r}; accepted: {words}.')}$"):
        per_layer("rate", value, 2, check_number, least=0)
