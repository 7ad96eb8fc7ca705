"""What all baselines ask of the images that they are given."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganbench import UserError

__all__ = ["flat_images"]


def flat_images(images: torch.Tensor, event_shape: Sequence[int]) -> torch.Tensor:
    """`[n, *event_shape]` -> `[n, d]`, with all values in [0, 1].

    Raises:
        UserError: The images have another shape, there is none, or they leave [0, 1].
    """
    if tuple(images.shape[1:]) != tuple(event_shape) or len(images) == 0:
        wanted = ", ".join(map(str, event_shape))
        raise UserError(f"Images have shape {list(images.shape)}; accepted: [n, {wanted}] with n of at least 1.")
    low, high = (float(bound) for bound in torch.aminmax(images))
    if not (low >= 0 and high <= 1):  # NaN as well
        raise UserError(f"Images are in [{low:g}, {high:g}]; accepted: values in [0, 1]. Rescale them.")
    return images.reshape(len(images), -1)
