"""The named feature spaces in which rulers compare examples, each fitted to nothing but training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.errors import DataError
from ganbench.hyperparameters import check_choice
from ganbench.metrics.features import pixels, principal_components, train_classifier

if TYPE_CHECKING:
    from ganbench.metrics.metric import Features

__all__ = ["COMPONENTS", "feature_space", "space_needs"]

COMPONENTS = 64
"""Principal components of the space "components", or as many as there are dimensions."""

_NEEDS: dict[str, tuple[str, ...]] = {"pixels": (), "components": ("train",), "classifier": ("train", "labels")}


def space_needs(space: str) -> tuple[str, ...]:
    """What a metric needs for the space "pixels", "components" or "classifier".

    Raises:
        ValueError: There is no such space.
    """
    check_choice("space", space, _NEEDS)
    return _NEEDS[space]


def feature_space(space: str, **fitted_to: Any) -> Features:
    """The map of examples `[n, *event_shape]` to features `[n, d]`.

    Args:
        space: Its name.
        **fitted_to: What `space_needs` names, by role.

    Raises:
        DataError: A classifier is wanted of training data without labels.
    """
    if space == "pixels":
        return pixels
    train = fitted_to["train"]
    if space == "components":
        return principal_components(train, COMPONENTS)
    if fitted_to["labels"].train is None:
        raise DataError("The space 'classifier' needs class labels of the training data. Take space=pixels.")
    return train_classifier(train, fitted_to["labels"].train).hidden
