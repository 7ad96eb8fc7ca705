"""The deep belief network: restricted Boltzmann machines, one upon the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ganbench.modelling import Replayed, check_flag, check_integer, check_number, per_layer, shuffled_minibatches
from ganbench_models.boltzmann.rbm import RestrictedBoltzmannMachine, contrastive_update, draw_binary
from ganbench_models.layerwise import GreedyLayerwiseModel

__all__ = ["DeepBeliefNetwork"]


class DeepBeliefNetwork(GreedyLayerwiseModel[RestrictedBoltzmannMachine]):
    """A deep belief network with binary units, trained greedily from the lowest layer up.

    P(x, h₁, …, h_L) = P(x | h₁) ⋯ P(h_{L-2} | h_{L-1}) P(h_{L-1}, h_L): the top two layers are a restricted Boltzmann
    machine, the layers below are directed downwards. Lower layers learn by contrastive divergence, which restarts its
    Gibbs chains at the data; the top layer, whose equilibrium is what samples come from, by persistent contrastive
    divergence, whose particles go on from minibatch to minibatch. Grey values stand for probabilities.

    A sample is E[x | h₁] (means, not binary draws), where the states of the top machine come from Gibbs chains, and
    binary draws are passed down through the layers between.

    References:
        A fast learning algorithm for deep belief nets (Hinton, Osindero and Teh, 2006).
        Training restricted Boltzmann machines using approximations to the likelihood gradient (Tieleman, 2008).

    Args:
        event_shape: Shape of one image.
        device: Where everything lives.
        hidden_sizes: Hidden units of each layer, from the lowest up.
        epochs: Epochs of each layer; one number stands for all layers.
        batch_size: Images in a minibatch.
        learning_rate: Of a layer's first epoch; one number stands for all layers.
        final_learning_rate: Of a layer's last epoch, reached linearly; one number stands for all layers.
        momentum: Factor on the old velocity, in [0, 1).
        weight_decay: Of the weights, relative to the gradient.
        weight_gain: Weights start uniform in ± weight_gain · √(6 / (visible + hidden)).
        marginal_clip: Visible biases start at the logit of the inputs' means, clipped to [clip, 1 - clip].
        precision: Data type of activations and gradients in training, "float32" or "bfloat16"; parameters and
            velocities stay in float32.
        gibbs_steps: Gibbs steps between updates, of each layer; one number stands for all layers.
        mean_reconstructions: Contrastive divergence compares the data with means E[v | h] instead of binary draws of v:
            the layer then reproduces grey values more closely, and its code is harder for the next layer to learn.
        particles: Persistent chains of the top layer.

    Raises:
        ValueError: A setting is out of its range.
    """

    layer_type = RestrictedBoltzmannMachine
    sampling_steps = 600  # ten autocorrelation times of the MNIST preset

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        hidden_sizes: Sequence[int] = (1000, 1000),
        epochs: int | Sequence[int] = 30,
        batch_size: int = 100,
        learning_rate: float | Sequence[float] = 0.05,
        final_learning_rate: float | Sequence[float] = 0.0,
        momentum: float = 0.5,
        weight_decay: float = 1e-4,
        weight_gain: float = 0.1,
        marginal_clip: float = 0.01,
        precision: str = "float32",
        gibbs_steps: int | Sequence[int] = 1,
        mean_reconstructions: bool = False,
        particles: int = 100,
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
        self.gibbs_steps = per_layer("gibbs_steps", gibbs_steps, len(self.hidden_sizes), check_integer)
        self.weight_decay, self.mean_reconstructions, self.particles = weight_decay, mean_reconstructions, particles
        check_integer("particles", particles)
        check_number("weight_decay", weight_decay, least=0)
        check_flag("mean_reconstructions", mean_reconstructions)
        self._particles = torch.empty(0)  # hidden states of the top layer's persistent chains, once it is trained

    def step_chains(self, state: Mapping[str, torch.Tensor], *, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """One Gibbs step of the topmost trained layer, h -> v -> h."""
        top = self._trained_layers()[-1]
        means = top.down(state["hidden"])
        visible = draw_binary(means, generator=generator)
        return {"hidden": draw_binary(top.up(visible), generator=generator), "visible": visible, "means": means}

    def chain_samples(self, state: Mapping[str, torch.Tensor], *, generator: torch.Generator) -> torch.Tensor:
        """E[x | h₁], with h₁ the last visible state of the top layer, passed down as binary draws where it must be."""
        *below, _ = self._trained_layers()
        if not below:
            return state["means"].reshape(-1, *self.event_shape)
        hidden = state["visible"]
        for layer in reversed(below[1:]):
            hidden = draw_binary(layer.down(hidden), generator=generator)
        return below[0].down(hidden).reshape(-1, *self.event_shape)

    def _start_at(self, images: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"hidden": draw_binary(self._code(images), generator=generator)}

    def _start_at_noise(self, chains: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Hidden units that are fair coins."""
        bias = self._trained_layers()[-1].hidden_bias
        return {"hidden": draw_binary(bias.new_full((chains, len(bias)), 0.5), generator=generator)}

    def state_dict(self) -> dict[str, Any]:
        """The parameters, the velocity, the number of epochs done, and the particles once there are any."""
        return {**super().state_dict(), "particles": self._particles}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state, copying its tensors.

        Raises:
            ValueError: The state is of a model with other layers.
        """
        super().load_state_dict(state)
        self._particles = state["particles"].to(self.device, copy=True)

    def _begin_layer(self, layer: int, inputs: torch.Tensor, generator: torch.Generator) -> None:
        super()._begin_layer(layer, inputs, generator)
        if layer == len(self.hidden_sizes) - 1:
            rows = torch.randint(len(inputs), (self.particles,), generator=generator, device=self.device)
            self._particles = draw_binary(self.layers[layer].up(inputs[rows]), generator=generator)

    def _train_epoch(self, layer: int, inputs: torch.Tensor, learning_rate: float, generator: torch.Generator) -> None:
        step = Replayed(lambda visible: self._update(layer, visible, learning_rate, generator), generator)
        for visible in shuffled_minibatches(inputs, self.batch_size, generator=generator):
            step(visible)

    def _update(
        self, layer: int, visible: torch.Tensor, learning_rate: float, generator: torch.Generator
    ) -> torch.Tensor:
        """One contrastive update of a layer by a minibatch; the persistent particles, if there are any, move on."""
        rbm, steps = self.layers[layer], self.gibbs_steps[layer]
        working = rbm.in_precision(self.precision)
        visible = visible.to(self.precision)
        hidden = working.up(visible)
        if len(self._particles) == 0:
            start = draw_binary(hidden, generator=generator)
            model = working.gibbs(start, steps, generator=generator, mean_visible=self.mean_reconstructions)
        else:
            model = working.gibbs(self._particles.to(self.precision), steps, generator=generator)
            self._particles.copy_(draw_binary(model[1], generator=generator))
        contrastive_update(
            rbm,
            self.velocity,
            (visible, hidden),
            model,
            learning_rate=learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return visible

    def _metrics(self, layer: int, inputs: torch.Tensor) -> dict[str, float]:
        rbm = self.layers[layer]
        error = (rbm.down(rbm.up(inputs)) - inputs).square().sum(1).mean()
        return {"reconstruction_error": float(error)}
