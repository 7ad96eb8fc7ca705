"""The reference ladder of a protocol: rows of known standing, from noise to the test images themselves."""

from __future__ import annotations

import msgspec

__all__ = ["Ladder"]


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which rows of known standing `--ladder` runs, and which of them models are held against.

    Attributes:
        models: Specs of the references, in the order of the table.
        real_data: The one above which no model has any business.
    """

    models: tuple[str, ...] = (
        "noise",
        "one_class",
        "mean_image",
        "gaussian_fit",
        "gaussian_mixture_fit",
        "training_images[distinct=1000]",
        "training_images",
        "half_split",
        "planted_copies[share=0.01]",
        "planted_copies",
        "planted_copies[share=0.2]",
        "k_means_centroids",
        "leaked_test_images",
    )
    real_data: str = "training_images"
