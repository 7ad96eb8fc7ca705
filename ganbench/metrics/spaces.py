"""The feature spaces in which rulers compare examples: fitted to nothing but training data, or brought trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.errors import DataError
from ganbench.files import file_sha256
from ganbench.metrics import pretrained
from ganbench.metrics.features import pixels, principal_components, train_classifier
from ganbench.metrics.metric import Finding

if TYPE_CHECKING:
    import torch

    from ganbench.metrics.metric import Features

__all__ = ["COMPONENTS", "feature_space", "space_files", "space_findings", "space_needs"]

COMPONENTS = 64
"""Principal components of the space "components", or as many as there are dimensions."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "pixels": (),
    "components": ("train",),
    "classifier": ("train", "labels"),
    "inception": (),
}


def space_needs(space: str) -> tuple[str, ...]:
    """What a metric needs for a space: "pixels", "components", "classifier", "inception", or the file of a program.

    Raises:
        ValueError: There is no such space.
    """
    if not _is_program(space) and space not in _NEEDS:
        names = ", ".join(map(repr, _NEEDS))
        raise ValueError(f"space is {space!r}; accepted: {names}, or the file of a program, as 'features.pt2'.")
    return () if _is_program(space) else _NEEDS[space]


def space_files(space: str) -> tuple[str, ...]:
    """The files that a space is read from."""
    return (space,) if _is_program(space) else ()


def _is_program(space: str) -> bool:
    return isinstance(space, str) and space.endswith(pretrained.PROGRAM)


def feature_space(space: str, **fitted_to: Any) -> Features:
    """The map of examples `[n, *event_shape]` to features `[n, d]`.

    Args:
        space: Its name.
        **fitted_to: What `space_needs` names, by role.

    Raises:
        DataError: A classifier is wanted of training data without labels.
    """
    if _is_program(space):
        return pretrained.program(space)
    if space == "inception":
        return pretrained.inception
    if space == "pixels":
        return pixels
    train = fitted_to["train"]
    if space == "components":
        return principal_components(train, COMPONENTS)
    if fitted_to["labels"].train is None:
        raise DataError("The space 'classifier' needs class labels of the training data. Take space=pixels.")
    return train_classifier(train, fitted_to["labels"].train).hidden


def space_findings(space: str, *, test: torch.Tensor, **fitted_to: Any) -> tuple[Finding, ...]:
    """What a reader must know of a space whose map was trained: on what, how well, and its hash."""
    if _is_program(space):
        text = f"features by the program {Path(space).name}, sha256 {file_sha256(Path(space))}"
    elif space == "inception":
        text = "features by torchvision's Inception v3: not comparable with published distances, of other weights"
    elif space == "classifier":
        labels = fitted_to["labels"]
        classifier = train_classifier(fitted_to["train"], labels.train)
        known = labels.test is not None
        right = f"{classifier.accuracy(test, labels.test):.1%} right on test data, " if known else ""
        text = f"features by a classifier trained on the training data, {right}sha256 {classifier.sha256}"
    else:
        return ()
    return (Finding("feature-space", text, "note"),)
