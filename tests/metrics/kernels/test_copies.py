"""Classes of equal points."""

import torch

from ganbench.metrics._kernels.copies import Classes


def test_classes_are_in_the_order_of_their_first_rows():
    a, b, c = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 5.0]])
    classes = Classes.of(torch.stack([a, b, a, c, b, a]))
    assert classes.first.tolist() == [0, 1, 3]
    assert classes.of_row.tolist() == [0, 1, 0, 2, 1, 0]
    assert classes.rows.tolist() == [0, 2, 5, 1, 4, 3]
    assert classes.sizes.tolist() == [3, 2, 1]


def test_more_rows_than_are_hashed_at_once():
    points = torch.arange(700.0).remainder(400).unsqueeze(1)
    classes = Classes.of(points)
    assert torch.equal(points[classes.first][classes.of_row], points)
    assert len(classes.first) == 400


def test_negative_zero_is_zero():
    assert len(Classes.of(torch.tensor([[0.0], [-0.0]])).first) == 1


def test_bfloat16_points():
    assert Classes.of(torch.ones(3, 2, dtype=torch.bfloat16)).sizes.tolist() == [3]


def test_members_are_the_first_of_each_class():
    classes = Classes.of(torch.tensor([[1.0], [2.0], [1.0], [1.0]]))
    which, rows = classes.members(torch.tensor([1, 0, 0]), 2)
    assert which.tolist() == [0, 1, 1, 2, 2]
    assert rows.tolist() == [1, 0, 2, 0, 2]
