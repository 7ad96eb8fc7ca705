"""The stacked contractive auto-encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch

from ganbench.modelling import Replayed, check_choice, check_number, per_layer, shuffled_minibatches
from ganbench_models.autoencoders.contractive import ContractiveAutoEncoder
from ganbench_models.autoencoders.random_walk import walk
from ganbench_models.layerwise import GreedyLayerwiseModel

__all__ = ["StackedContractiveAutoEncoder"]

Jacobian = Literal["top", "input"]


class StackedContractiveAutoEncoder(GreedyLayerwiseModel[ContractiveAutoEncoder]):
    """Contractive auto-encoders, each trained on the codes of the one below, sampled by a random walk.

    The code hardly reacts to most directions of the input; those to which it does react span the tangent space of the
    data. A step of the walk moves the top code at random within that space, by J Jᵀ ε, and decodes. The
    samples are the decoded means.

    References:
        Contractive auto-encoders: explicit invariance during feature extraction (Rifai, Vincent, Muller, Glorot and
        Bengio, 2011).
        A generative process for sampling contractive auto-encoders (Rifai, Bengio, Dauphin and Vincent, 2012).

    Args:
        event_shape: Shape of one image.
        device: Where everything lives.
        hidden_sizes: Hidden units of each layer, from the lowest up.
        epochs: Epochs of each layer; one number stands for all layers.
        batch_size: Images in a minibatch.
        learning_rate: Of a layer's first epoch; one number stands for all layers.
        final_learning_rate: Of a layer's last epoch, reached linearly; one number stands for all layers.
        momentum: Factor on the old velocity, in [0, 1).
        contraction: Weight λ of the squared norm of the Jacobian; one number stands for all layers.
        weight_gain: Weights start uniform in ± weight_gain · √(6 / (visible + hidden)).
        marginal_clip: Visible biases start at the logit of the inputs' means, clipped to [clip, 1 - clip].
        precision: Data type of activations and gradients in training, "float32" or "bfloat16"; parameters and
            velocities stay in float32.
        step_size: Standard deviation of the noise ε of the walk.
        jacobian: J is the Jacobian of the top code with respect to the code below it ("top") or to the image ("input").

    Raises:
        ValueError: A setting is out of its range.
    """

    layer_type = ContractiveAutoEncoder
    sampling_steps = 400  # ten autocorrelation times of the preset for digits, which mixes most slowly
    sampling_hyperparameters = ("step_size", "jacobian")

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        hidden_sizes: Sequence[int] = (1000, 1000),
        epochs: int | Sequence[int] = 30,
        batch_size: int = 100,
        learning_rate: float | Sequence[float] = 0.1,
        final_learning_rate: float | Sequence[float] = 0.01,
        momentum: float = 0.9,
        contraction: float | Sequence[float] = 0.1,
        weight_gain: float = 1.0,
        marginal_clip: float = 0.01,
        precision: str = "float32",
        step_size: float = 1.0,
        jacobian: Jacobian = "top",
    ) -> None:
        super().__init__(
            event_shape,
            device=device,
            hidden_sizes=hidden_sizes,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            final_learning_rate=final_learning_rate,
            momentum=momentum,
            weight_gain=weight_gain,
            marginal_clip=marginal_clip,
            precision=precision,
        )
        self.contraction = per_layer("contraction", contraction, len(self.hidden_sizes), check_number, least=0)
        check_number("step_size", step_size, least=0)
        check_choice("jacobian", jacobian, get_args(Jacobian))
        self.step_size, self.jacobian = step_size, jacobian

    def step_chains(self, state: Mapping[str, torch.Tensor], *, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """One step of the walk through the trained layers."""
        layers = self._trained_layers()
        visible = walk(
            layers,
            state["visible"],
            step_size=self.step_size,
            jacobian_layers=1 if self.jacobian == "top" else len(layers),
            generator=generator,
        )
        return {"visible": visible}

    def chain_samples(self, state: Mapping[str, torch.Tensor], *, generator: torch.Generator) -> torch.Tensor:
        """The decoded means."""
        return state["visible"].reshape(-1, *self.event_shape)

    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"visible": images}

    def _train_epoch(self, layer: int, inputs: torch.Tensor, learning_rate: float, generator: torch.Generator) -> None:
        def descend(visible: torch.Tensor) -> torch.Tensor:
            self.layers[layer].descend_(
                self.velocity,
                visible,
                contraction=self.contraction[layer],
                learning_rate=learning_rate,
                momentum=self.momentum,
                precision=self.precision,
            )
            return visible

        step = Replayed(descend, generator)
        for visible in shuffled_minibatches(inputs, self.batch_size, generator=generator):
            step(visible)

    def _metrics(self, layer: int, inputs: torch.Tensor) -> dict[str, float]:
        trained = self.layers[layer]
        return {
            "reconstruction_error": float(trained.cross_entropy(inputs)),
            "penalty": float(trained.penalty(inputs)),
        }
