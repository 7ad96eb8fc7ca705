"""Feature spaces in which metrics compare examples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.metrics.remembering import fingerprint, remembered

if TYPE_CHECKING:
    import torch

__all__ = ["Classifier", "PrincipalComponents", "pixels", "principal_components", "train_classifier"]

_HIDDEN = 256  # units of the classifier
_BATCH = 100
_EPOCHS, _LEAST_UPDATES, _MOST_UPDATES = 20, 100, 1500
_LEARNING_RATE, _MOMENTUM = 0.05, 0.9


def pixels(examples: torch.Tensor) -> torch.Tensor:
    """The numbers of every example as they are: `[n, *event_shape]` to `[n, d]`."""
    return examples.flatten(1)


@dataclass(frozen=True)
class PrincipalComponents:
    """Projections onto the leading principal components of training examples.

    Attributes:
        mean: `[d]`.
        components: `[d, k]`, orthonormal, by falling variance.
    """

    mean: torch.Tensor
    components: torch.Tensor

    def __call__(self, examples: torch.Tensor) -> torch.Tensor:
        """`[n, *event_shape]` to `[n, k]`."""
        return (examples.flatten(1) - self.mean) @ self.components


def principal_components(train: torch.Tensor, k: int) -> PrincipalComponents:
    """The k leading principal components of training examples, or as many as they have dimensions."""
    return remembered(("components", k, fingerprint(train)), lambda: _principal_components(train, k))


def _principal_components(train: torch.Tensor, k: int) -> PrincipalComponents:
    import torch

    flat = train.flatten(1)
    mean = flat.mean(0)
    centred = flat - mean
    _, vectors = torch.linalg.eigh((centred.T @ centred).double())  # ascending
    return PrincipalComponents(mean, vectors[:, -k:].flip(1).to(flat.dtype))


@dataclass(frozen=True)
class Classifier:
    """A small classifier: one hidden layer of 256 rectified linear units.

    Attributes:
        n_classes: Labels are 0, ..., n_classes - 1.
        layers: Weights and biases of both layers.
    """

    n_classes: int
    layers: tuple[torch.Tensor, ...]

    def hidden(self, examples: torch.Tensor) -> torch.Tensor:
        """Activations of the hidden layer, a feature space: `[n, *event_shape]` to `[n, 256]`."""
        weights, bias = self.layers[:2]
        return (examples.flatten(1) @ weights + bias).relu()

    def __call__(self, examples: torch.Tensor) -> torch.Tensor:
        """The most probable class of every example: `[n, *event_shape]` to int64 `[n]`."""
        weights, bias = self.layers[2:]
        return (self.hidden(examples) @ weights + bias).argmax(1)

    def accuracy(self, examples: torch.Tensor, labels: torch.Tensor) -> float:
        """The share of examples that are given their label."""
        return float((self(examples) == labels).double().mean())

    @property
    def sha256(self) -> str:
        """Of its parameters."""
        return hashlib.sha256(b"".join(layer.cpu().numpy().tobytes() for layer in self.layers)).hexdigest()


def train_classifier(train: torch.Tensor, labels: torch.Tensor) -> Classifier:
    """Train a `Classifier` by gradient descent with momentum on the cross-entropy, from a fixed seed.

    Twenty epochs of minibatches of 100, but at least 100 and at most 1,500 updates. Numbers outside [-1, 1], at which
    descent would diverge, are first brought to mean 0 and, over all dimensions, variance 1. Equal data give equal bits
    on one machine.

    Args:
        train: `[n, *event_shape]`.
        labels: int64 `[n]`, from 0 on.
    """
    key = "classifier", fingerprint(train), fingerprint(labels)
    return remembered(key, lambda: _train_classifier(train, labels))


def _train_classifier(train: torch.Tensor, labels: torch.Tensor) -> Classifier:
    import torch
    from torch.nn.functional import cross_entropy

    generator = torch.Generator().manual_seed(0)
    centre, scale = _standard(train.flatten(1))
    images, n_classes = (train.flatten(1) - centre) / scale, int(labels.max()) + 1
    sizes = ((images.shape[1], _HIDDEN), (_HIDDEN,), (_HIDDEN, n_classes), (n_classes,))
    layers = [torch.randn(size, generator=generator) * (2 / size[0]) ** 0.5 * (len(size) == 2) for size in sizes]
    layers = [layer.to(train.device).requires_grad_() for layer in layers]
    per_epoch = -(-len(images) // _BATCH)
    updates = min(max(_EPOCHS * per_epoch, _LEAST_UPDATES), _MOST_UPDATES)
    velocities = [
        torch.zeros_like(layer) for layer in layers
    ]  # torch.optim loads a compiler first, which takes seconds
    with torch.enable_grad():
        for update in range(updates):
            if update % per_epoch == 0:
                order = torch.randperm(len(images), generator=generator).to(train.device)
            rows = order[update % per_epoch * _BATCH :][:_BATCH]
            first, first_bias, second, second_bias = layers
            logits = (images[rows] @ first + first_bias).relu() @ second + second_bias
            gradients = torch.autograd.grad(cross_entropy(logits, labels[rows]), layers)
            with torch.no_grad():
                for layer, velocity, gradient in zip(layers, velocities, gradients, strict=True):
                    layer.sub_(velocity.mul_(_MOMENTUM).add_(gradient), alpha=_LEARNING_RATE)
    weights, bias, *others = (layer.detach() for layer in layers)
    weights = weights / scale  # for examples as they are
    return Classifier(n_classes, (weights, bias - centre @ weights, *others))


def _standard(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What to subtract, `[d]`, and to divide by, `[]`: nothing of numbers in [-1, 1]."""
    centre = images.mean(0)
    if images.abs().max() <= 1:
        return centre.new_zeros(centre.shape), centre.new_ones(())
    spread = (images - centre).square().mean().sqrt()
    return centre, spread if spread > 0 else spread + 1
