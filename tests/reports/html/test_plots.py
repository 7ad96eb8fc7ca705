"""Plots: what is drawn is where the numbers are."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ganbench.reports.html.plots import Landmark, Plot, Point, Series, near, plain


def _plot(points, **changes) -> Plot:
    return Plot("t", "x", "y", [Series("s", [Point(*p) for p in points])], **changes)


def test_pixels_are_linear_in_the_numbers_and_up_is_more():
    plot = _plot([(0, 0), (1, 10), (2, 20)])
    assert plot.x(1) == pytest.approx((plot.x(0) + plot.x(2)) / 2, abs=0.1)
    assert plot.y(10) == pytest.approx((plot.y(0) + plot.y(20)) / 2, abs=0.1)
    assert plot.y(20) < plot.y(0)


def test_everything_lies_within_the_frame_also_bars_and_landmarks():
    plot = _plot([(1, 5, 3), (2, 6, 1)], landmarks=[Landmark(12.0, "above"), Landmark(-4.0, "below")])
    left, right, top, bottom = plot.frame
    for _, _, _, points in plot.lines():
        for x, y, low, high, _ in points:
            assert left < x < right
            assert all(top < place < bottom for place in (y, low, high))
    assert all(top < place < bottom for place, *_ in plot.marks())


def test_logarithmic_axes_are_even_in_ratios_and_given_up_at_zero():
    plot = _plot([(1, 0), (10, 1), (100, 2)], log_x=True)
    assert plot.x(10) == pytest.approx((plot.x(1) + plot.x(100)) / 2, abs=0.1)
    assert [label for _, label in plot.x_ticks()] == ["1", "2", "5", "10", "20", "50", "100"]
    assert not _plot([(0, 0), (1, 1)], log_x=True).is_log
    less = _plot([(13, 0), (38, 1)], log_x=True)  # less than a decade
    assert [label for _, label in less.x_ticks()] == ["20", "30", "40"]


@pytest.mark.parametrize("points", [[(3, 7)], [(0, 0)], [(1e-9, 1e9), (2e-9, 2e9)], [(float("nan"), 1.0), (2, 2)]])
def test_odd_numbers_have_axes_with_ticks(points):
    plot = _plot(points)
    assert 1 <= len(list(plot.x_ticks())) <= 12
    assert 1 <= len(list(plot.y_ticks())) <= 12


def test_a_forest_has_a_row_for_each_label_and_bars_along_x():
    plot = Plot("t", "x", "y", [Series("s", [Point(-2, 0, 1), Point(3, 1, 1)], joined=False)], rows=["a", "b"])
    ((_, _, path, ((x, y, low, high, _), (_, lower, *_))),) = plot.lines()
    assert path == ""
    assert low < x < high
    assert y < lower
    assert [label for _, label in plot.y_ticks()] == ["a", "b"]


def test_labels_of_landmarks_do_not_overlap():
    plot = _plot([(0, 0), (1, 100)], landmarks=[Landmark(50 + n / 10, str(n)) for n in range(4)])
    places = [at for _, at, *_ in plot.marks()]
    assert all(later - earlier >= 11 for earlier, later in pairwise(places))


def test_labels_of_landmarks_stay_beside_the_axes():
    plot = _plot([(0, 0), (1, 100)], landmarks=[Landmark(n / 10, str(n)) for n in range(9)])
    assert all(plot.frame[2] <= at <= plot.frame[3] for _, at, *_ in plot.marks())


def test_settings_of_a_landmark_are_left_out_beside_it():
    names = ["copies", "copies[share=0.2]", "other[n=3]"]
    assert [name for name in names if plain(name, names)] == ["copies", "other[n=3]"]


def test_far_landmarks_are_left_out():
    series = [Series("s", [Point(0, 0), Point(1, 10)])]
    assert [mark.label for mark in near([Landmark(25, "near"), Landmark(-3740, "far")], series)] == ["near"]
