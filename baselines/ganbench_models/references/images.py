"""Real images in place of samples: those of the training set, others like them, and those that should be unseen.

What they show of a ruler is known beforehand: Theis, van den Oord and Bethge, "A note on the evaluation of generative
models" (2016), https://arxiv.org/abs/1511.01844, score training images by the Parzen estimate; Meehan, Chaudhuri and
Dasgupta, "A non-parametric test to detect data-copying in generative models" (2020), https://arxiv.org/abs/2004.05675,
plant copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ganbench.modelling import check_integer, check_number

__all__ = ["HalfSplit", "LeakedTestImages", "OneClass", "PlantedCopies", "TrainingImages", "deal", "drawn"]


def drawn(images: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """At most so many of some images, drawn without replacement: `[most, *event_shape]`, a copy."""
    return images[torch.randperm(len(images), generator=generator, device=images.device)[:most]]


def deal(images: torch.Tensor, n: int, generator: torch.Generator) -> torch.Tensor:
    """`n` of some images in random order, none of them more often than another by more than one."""
    if not len(images):
        raise ValueError("There are no images to be dealt out yet. Train first.")
    rounds = [
        torch.randperm(len(images), generator=generator, device=images.device) for _ in range(-(-n // len(images)))
    ]
    return images[torch.cat(rounds)[:n]]


class Dealt:
    """Images that are chosen once and dealt out evenly, in random order."""

    total_epochs = 1

    def __init__(self, event_shape: tuple[int, ...], *, device: str = "cpu", distinct: int = 10_000) -> None:
        check_integer("distinct", distinct)
        self.distinct = distinct
        self.images = torch.empty(0, *event_shape, device=device)
        self.epoch = 0

    def _choose(self, images: torch.Tensor, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        while self.epoch < self.total_epochs:
            self.images = drawn(images, self.distinct, generator)
            self.epoch += 1
            yield {"distinct": float(len(self.images))}

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Deal out `n` images."""
        return deal(self.images, n, generator)

    def state_dict(self) -> dict[str, Any]:
        """The images."""
        return {"images": self.images, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the images."""
        self.images, self.epoch = state["images"].clone(), state["epoch"]


class TrainingImages(Dealt):
    """Training images, drawn without replacement.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        distinct: How many at most; where more samples are asked for, each is dealt out as often as any other.

    Raises:
        ValueError: `distinct` is less than 1.
    """

    reference = (
        "real images, all of them copies: a ruler that puts a model above them rewards something else than likeness to "
        "the data, and one that does not mark them is blind to memorisation"
    )

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Choose."""
        return self._choose(train, generator)


class HalfSplit(Dealt):
    """Half of the training images, held against the other half as the training data: real images that are no copies.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        distinct: How many at most.

    Raises:
        ValueError: `distinct` is less than 1.
    """

    reference = (
        "real images that are no copies, one half of the training data held against the other: what a perfect model "
        "reaches, and what a memorisation check says of an innocent one"
    )
    reference_needs = ("held_out",)

    def fit(
        self, train: torch.Tensor, *, held_out: torch.Tensor, generator: torch.Generator
    ) -> Iterator[Mapping[str, float]]:
        """Choose among the half that is not the training data."""
        return self._choose(held_out, generator)


class LeakedTestImages(Dealt):
    """The test images themselves.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        distinct: How many at most.

    Raises:
        ValueError: `distinct` is less than 1.
    """

    reference = "the test images themselves: what cheating gains, and the upper end of the ruler"
    reference_needs = ("test",)

    def fit(
        self, train: torch.Tensor, *, test: torch.Tensor, generator: torch.Generator
    ) -> Iterator[Mapping[str, float]]:
        """Choose among the test images."""
        return self._choose(test, generator)


class OneClass(Dealt):
    """Training images of one class only: a model that has collapsed, and is perfect in what is left.

    Without labels they are the tenth of the training images that is nearest to their first one.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        distinct: How many at most.
        label: The class; by default the most frequent one.

    Raises:
        ValueError: `distinct` is less than 1, or the label less than -1.
    """

    reference = "real images of one class only: what a ruler says of a model that has collapsed"
    reference_needs = ("labels",)

    def __init__(
        self, event_shape: tuple[int, ...], *, device: str = "cpu", distinct: int = 10_000, label: int = -1
    ) -> None:
        check_integer("label", label, least=-1)
        super().__init__(event_shape, device=device, distinct=distinct)
        self.label = label

    def fit(
        self, train: torch.Tensor, *, labels: torch.Tensor | None, generator: torch.Generator
    ) -> Iterator[Mapping[str, float]]:
        """Choose among the images of the class."""
        return self._choose(train[self._members(train, labels)], generator)

    def _members(self, train: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        if labels is None:
            distances = (train - train[0]).square().flatten(1).sum(1)
            return distances.argsort(stable=True)[: max(1, len(train) // 10)]
        label = self.label if self.label >= 0 else int(labels.bincount().argmax())
        members = (labels == label).nonzero().squeeze(1)
        if not len(members):
            raise ValueError(f"label is {label}, and no training image has it.")
        return members


class PlantedCopies(Dealt):
    """A share of training images among others of the same kind that are none: half of the data against the other half.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        distinct: How many of either at most.
        share: The share of training images, from 0 to 1.

    Raises:
        ValueError: A hyper-parameter outside its range.
    """

    reference = "real images of which a known share are training images: how few copies a memorisation check notices"
    reference_needs = ("held_out",)
    sampling_hyperparameters = ("share",)

    def __init__(
        self, event_shape: tuple[int, ...], *, device: str = "cpu", distinct: int = 10_000, share: float = 0.05
    ) -> None:
        check_number("share", share, least=0, most=1)
        super().__init__(event_shape, device=device, distinct=distinct)
        self.share = share
        self.copies = torch.empty(0, *event_shape, device=device)

    def fit(
        self, train: torch.Tensor, *, held_out: torch.Tensor, generator: torch.Generator
    ) -> Iterator[Mapping[str, float]]:
        """Choose among either half."""
        for metrics in self._choose(held_out, generator):
            self.copies = drawn(train, self.distinct, generator)
            yield metrics

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Deal out images of both kinds, to the nearest whole number of copies, in random order.

        Of the distinct images the same share are copies, so that none is dealt out more often for being one.
        """
        copies = round(self.share * n)
        distinct = len(self.copies) if self.share == 1 else round(len(self.images) * self.share / (1 - self.share))
        kinds = ((self.copies[: max(1, distinct)], copies), (self.images, n - copies))
        return drawn(torch.cat([deal(images, k, generator) for images, k in kinds if k]), n, generator)

    def state_dict(self) -> dict[str, Any]:
        """The images of both kinds."""
        return {**super().state_dict(), "copies": self.copies}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the images of both kinds."""
        super().load_state_dict(state)
        self.copies = state["copies"].clone()
