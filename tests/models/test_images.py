from __future__ import annotations

import pytest
import torch
from ganbench_models.images import flat_images

from ganbench import UserError


def test_images_become_rows():
    images = torch.tensor([[[0.0, 0.25], [0.5, 1.0]], [[0.1, 0.2], [0.3, 0.4]]])
    assert torch.equal(flat_images(images, (2, 2)), torch.stack([images[0].flatten(), images[1].flatten()]))


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 6), (0, 3, 2), (3, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(UserError, match=rf"shape {list(shape)}; accepted: \[n, 3, 2\]".replace("[", r"\[", 1)):
        flat_images(torch.zeros(shape), (3, 2))


@pytest.mark.parametrize(("value", "met"), [(-0.5, r"\[-0.5, 0.5\]"), (1.5, r"\[0.5, 1.5\]"), (float("nan"), "nan")])
def test_other_values_are_refused(value, met):
    images = torch.full((3, 2, 2), 0.5)
    images[1, 0, 1] = value
    with pytest.raises(UserError, match=rf"{met}.*\[0, 1\]"):
        flat_images(images, (2, 2))
