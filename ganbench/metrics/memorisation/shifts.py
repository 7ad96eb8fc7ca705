"""Copies of training images that were shifted by a pixel, which distances between pixels do not see.

    d(x) = min over shifts s by -1, 0, 1 pixels in both directions, and training images t, of ||s(x) - t||

the border pixels repeated where a shift uncovers some. That a shift by one pixel may put another image nearer than the
original: Theis, van den Oord and Bethge, "A note on the evaluation of generative models" (2016),
https://arxiv.org/abs/1511.01844, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.errors import DataError
from ganbench.hyperparameters import check_integer, check_number
from ganbench.metrics.memorisation.copies import comparisons, near_copies
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import torch

__all__ = ["ShiftedCopies", "shifted"]


class ShiftedCopies:
    """The share of near copies by the shift-tolerant distance, beside that of validation images.

    Args:
        near: The quantile of the distances of test images below which a sample is a near copy.
        level: Of the test behind the warning: how often it may accuse samples of the data's own law.
        limit: How many samples, test and validation images are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "shifted_copies"
    version = 1
    direction = "neither"  # right is as many as among held-out images
    needs = ("train", "valid", "test")
    images_only = True

    def __init__(self, *, near: float = 0.01, level: float = 0.05, limit: int = 500) -> None:
        check_number("near", near, above=0, below=1)
        check_number("level", level, above=0, below=1)
        check_integer("limit", limit, least=0)
        self.near, self.level, self.limit = near, level, limit

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor
    ) -> MetricResult:
        """Values as those of `copies`, without the last; each also with the prefix `null_`.

        Raises:
            DataError: The data are no images, or there are fewer than two test images.
        """
        if test.dim() < 3 or min(test.shape[-2:]) < 2:
            raise DataError(f"shifted_copies: examples of shape {list(test.shape[1:])} are no images. Leave it out.")
        require("test", test, 2, "a quantile of held-out distances")
        held_out = _distances(chosen(test, self.limit), train)
        values: dict[str, Value] = {}
        for prefix, examples in (("", generated), ("null_", valid)):
            distances = _distances(chosen(examples, self.limit), train)
            found = near_copies(distances, held_out, self.near) | comparisons(distances, held_out)
            values |= {prefix + name: value for name, value in found.items()}
        p = values["near_copy_p"].value
        text = f"{values['near_copy_share'].value:.2%} of the samples are near copies, but for a shift (p = {p:.2g})"
        findings = (Finding("shifted-copies", text, about="samples"),) if p < self.level else ()
        return MetricResult(values, findings=findings)


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Images `[n, ..., h, w]` as they are and shifted by a pixel in all eight directions: `[9, n, ..., h, w]`."""
    import torch

    height, width = images.shape[-2:]
    rows, columns = (torch.arange(size, device=images.device) for size in (height, width))
    steps = (0, -1, 1)
    return torch.stack(
        [
            images[..., (rows + down).clamp(0, height - 1).unsqueeze(1), (columns + right).clamp(0, width - 1)]
            for down in steps
            for right in steps
        ]
    )


def _distances(images: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """The shift-tolerant distances to the nearest training image: float64 `[n]`."""
    from ganbench.metrics._kernels.neighbors import nearest_neighbors

    everywhere = shifted(images)
    return nearest_neighbors(everywhere.flatten(0, 1), train)[0][:, 0].view(len(everywhere), -1).amin(0)
