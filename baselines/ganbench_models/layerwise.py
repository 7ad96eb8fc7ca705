"""Greedy layerwise training: every layer is trained on the mean activations of the layer below, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

import torch

from ganbench import UserError
from ganbench.modelling import check_integer, check_number, per_layer, resolve_precision
from ganbench_models.chains import ChainSampler
from ganbench_models.images import flat_images
from ganbench_models.tied_layer import TiedLayer

__all__ = ["GreedyLayerwiseModel"]

Layer = TypeVar("Layer", bound=TiedLayer)

_PROBE = 1000  # images on which an epoch's metrics are measured


class GreedyLayerwiseModel(ChainSampler, Generic[Layer]):
    """A stack of tied layers: what does not depend on what a layer learns, nor on how the stack is sampled.

    The learning rate of a layer falls linearly, epoch by epoch, from `learning_rate` in its first epoch to
    `final_learning_rate` in its last one. After any number of epochs the model is the stack of the layers that have
    been trained for at least one.

    Args:
        event_shape: Shape of one image; its pixels are the lowest layer's visible units.
        device: Where everything lives.
        hidden_sizes: Hidden units of each layer, from the lowest up.
        epochs: Epochs of each layer; one number stands for all layers.
        batch_size: Images in a minibatch.
        learning_rate: Of a layer's first epoch; one number stands for all layers.
        final_learning_rate: Of a layer's last epoch; one number stands for all layers.
        momentum: Factor on the old velocity, in [0, 1).
        weight_gain: Weights start uniform in ± weight_gain · √(6 / (visible + hidden)).
        marginal_clip: Visible biases start at the logit of the inputs' means, clipped to [clip, 1 - clip].
        precision: Data type of activations and gradients in training, "float32" or "bfloat16".

    Raises:
        ValueError: A setting is out of its range.
    """

    layer_type: type[Layer]

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device,
        hidden_sizes: Sequence[int],
        epochs: int | Sequence[int],
        batch_size: int,
        learning_rate: float | Sequence[float],
        final_learning_rate: float | Sequence[float],
        momentum: float,
        weight_gain: float,
        marginal_clip: float,
        precision: str,
    ) -> None:
        check_integer("event_shape", event_shape, each=True)
        check_integer("hidden_sizes", hidden_sizes, each=True)
        self.event_shape, self.device = tuple(event_shape), torch.device(device)
        self.hidden_sizes = tuple(hidden_sizes)
        layers = len(self.hidden_sizes)
        self.epochs = per_layer("epochs", epochs, layers, check_integer)
        self.learning_rate = per_layer("learning_rate", learning_rate, layers, check_number, least=0)
        self.final_learning_rate = per_layer("final_learning_rate", final_learning_rate, layers, check_number, least=0)
        self.batch_size, self.momentum = batch_size, momentum
        self.weight_gain, self.marginal_clip = weight_gain, marginal_clip
        self.precision = resolve_precision(precision)
        check_integer("batch_size", batch_size)
        check_number("momentum", momentum, least=0, below=1)
        check_number("weight_gain", weight_gain, least=0)
        check_number("marginal_clip", marginal_clip, above=0, below=0.5)
        self.total_epochs = sum(self.epochs)
        self.epoch = 0
        self.layers: list[Layer] = []
        self.velocity = TiedLayer(torch.empty(0), torch.empty(0), torch.empty(0))

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[dict[str, float]]:
        """Train, as `ganbench.model` says; the mapping has the layer (from 0), its learning rate and its errors.

        Raises:
            UserError: The images have another shape or leave [0, 1], or training has diverged.
        """
        images = flat_images(train, self.event_shape)
        if not self.layers:
            self._initialise(generator, images.dtype)
        inputs, inputs_of = images, 0
        while self.epoch < self.total_epochs:
            layer, epoch = self._position()
            for below in self.layers[inputs_of:layer]:
                inputs = below.up(inputs)
            inputs_of = layer
            if epoch == 0:
                self._begin_layer(layer, inputs, generator)
            learning_rate = self._scheduled_learning_rate(layer, epoch)
            self._train_epoch(layer, inputs, learning_rate, generator)
            self.epoch += 1
            self._check_finite(layer)
            yield {"layer": float(layer), "learning_rate": learning_rate, **self._metrics(layer, inputs[:_PROBE])}

    @torch.no_grad()
    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        """The mean activations of the topmost trained layer: `[n, *event_shape]` -> `[n, hidden]`.

        Raises:
            UserError: The examples have another shape or leave [0, 1].
            ValueError: The model has not been trained.
        """
        return self._code(flat_images(examples, self.event_shape))

    def state_dict(self) -> dict[str, Any]:
        """Parameters of all layers, the velocity of the one in training, and the number of epochs done."""
        return {
            "epoch": self.epoch,
            "layers": [layer.state() for layer in self.layers],
            "velocity": self.velocity.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state, copying its tensors.

        Raises:
            ValueError: The state is of a model with other layers.
        """
        layers = [self.layer_type.from_state(layer, self.device) for layer in state["layers"]]
        sizes = [tuple(layer.weights.shape) for layer in layers]
        if layers and sizes != self._sizes():
            raise ValueError(f"The state has layers of sizes {sizes}; this model has {self._sizes()}.")
        self.epoch, self.layers = int(state["epoch"]), layers
        self.velocity = TiedLayer.from_state(state["velocity"], self.device)

    def _trained_layers(self) -> list[Layer]:
        """The layers with at least one epoch of training, from the lowest up.

        Raises:
            ValueError: There is none.
        """
        self._require_trained()
        started = sum(self.epoch > sum(self.epochs[:layer]) for layer in range(len(self.epochs)))
        return self.layers[:started]

    def _code(self, images: torch.Tensor) -> torch.Tensor:
        """`encode` of flat images, `[n, d]`."""
        for layer in self._trained_layers():
            images = layer.up(images)
        return images

    def _sizes(self) -> list[tuple[int, int]]:
        return list(pairwise((math.prod(self.event_shape), *self.hidden_sizes)))

    def _initialise(self, generator: torch.Generator, dtype: torch.dtype) -> None:
        self.layers = [
            self.layer_type.initialised(*size, gain=self.weight_gain, generator=generator, dtype=dtype)
            for size in self._sizes()
        ]

    def _position(self) -> tuple[int, int]:
        """The layer to train next, and how many epochs it has had."""
        epoch = self.epoch
        for layer, epochs in enumerate(self.epochs):
            if epoch < epochs:
                return layer, epoch
            epoch -= epochs
        raise RuntimeError("training is complete")

    def _scheduled_learning_rate(self, layer: int, epoch: int) -> float:
        first, last = self.learning_rate[layer], self.final_learning_rate[layer]
        return first + (last - first) * epoch / max(self.epochs[layer] - 1, 1)

    def _check_finite(self, layer: int) -> None:
        finite = torch.stack([tensor.isfinite().all() for tensor in self.layers[layer].state().values()]).all()
        if not finite:
            raise UserError(
                f"{type(self).__name__} has diverged: parameters of layer {layer} are not finite after epoch "
                f"{self.epoch}. Use a smaller learning_rate (now {self.learning_rate[layer]:g}) or momentum "
                f"(now {self.momentum:g})."
            )

    def _begin_layer(self, layer: int, inputs: torch.Tensor, generator: torch.Generator) -> None:
        """Prepare for a layer's first epoch."""
        self.layers[layer].set_marginal_bias(inputs, self.marginal_clip)
        self.velocity = self.layers[layer].zeros_like()

    def _train_epoch(self, layer: int, inputs: torch.Tensor, learning_rate: float, generator: torch.Generator) -> None:
        """One pass over `inputs`, `[n, visible]`."""
        raise NotImplementedError

    def _metrics(self, layer: int, inputs: torch.Tensor) -> dict[str, float]:
        """The layer's errors on some of its inputs."""
        raise NotImplementedError
