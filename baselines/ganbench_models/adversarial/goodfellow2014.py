"""The adversarial nets of 2014 as a model of the harness.

Source: Generative Adversarial Nets (Goodfellow et al., 2014) and the program published with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from ganbench import ModelError
from ganbench.modelling import check_choice, check_integer, check_number, resolve_precision, shuffled_minibatches
from ganbench_models.adversarial.noise import Noise
from ganbench_models.adversarial.objective import GENERATOR_LOSSES
from ganbench_models.adversarial.schedules import LearningRateDecay, MomentumRamp
from ganbench_models.adversarial.stages import Stages, mnist_stage
from ganbench_models.adversarial.training import UPDATES, Players, Rules, train_epoch

__all__ = ["AdversarialNets"]

_SAMPLED_AT_ONCE = 1000


class AdversarialNets:
    """Generator and discriminator trained against each other, as published in 2014.

    Both players descend their objectives (see `ganbench_models.adversarial.objective`) with classical momentum that
    grows per epoch and a learning rate that decays per update; the discriminator has dropout. Stages train one after
    the other: a later stage puts new generator layers below all those there are, takes a new discriminator, and starts
    velocities, learning rate and momentum anew.

    Source: Generative Adversarial Nets (Goodfellow et al., 2014) and the program published with it, which is followed
    where the two differ.

    Args:
        event_shape: Shape of one image.
        device: Where parameters live and training runs.
        noise: Distribution of the generator's input: "uniform" (U(−√3, √3)), "gaussian" or "spherical".
        noise_dimension: Numbers in one noise vector.
        batch_size: Images in a minibatch; as many are generated for it.
        learning_rate: Learning rate of the first update.
        learning_rate_decay: Divisor of the learning rate per update.
        minimum_learning_rate: The rate below which it does not fall.
        initial_momentum: Momentum of the first epoch.
        final_momentum: Momentum from `momentum_saturation_epoch` on.
        momentum_saturation_epoch: Epoch, counted from 0, at which the linear growth of momentum ends.
        max_column_norm: Limit on the norm of the weights that come into a unit, imposed after every update; None for
            no limit.
        updates: "simultaneous": both players from the old parameters, on the same generated images, as in the program;
            or "alternating": the generator after the discriminator, on fresh noise, as in Algorithm 1.
        discriminator_steps: Minibatches per update of the generator; the discriminator learns from all of them.
        generator_loss: "non-saturating" (−log D(G(z))) or "minimax" (log(1 − D(G(z)))).
        input_keep_probability: The probability with which dropout leaves a number of the image to the discriminator.
        hidden_keep_probability: The same for the inputs of its later layers.
        epochs: Epochs of every stage, as one number for each or a list with one entry per stage.
        precision: Data type of activations and gradients: "float32" or "bfloat16" (parameters and velocities stay in
            float32; samples are always drawn in float32).
        stages: One mapping per stage with the lists `generator` and `discriminator` of layer tables (see
            `ganbench_models.adversarial.networks.build_layers`). By default one stage with the layers of the MNIST net.

    Raises:
        ValueError: A hyper-parameter outside its range, or layers that do not fit together.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        noise: str = "uniform",
        noise_dimension: int = 100,
        batch_size: int = 100,
        learning_rate: float = 0.1,
        learning_rate_decay: float = 1.000004,
        minimum_learning_rate: float = 1e-6,
        initial_momentum: float = 0.5,
        final_momentum: float = 0.7,
        momentum_saturation_epoch: int = 249,
        max_column_norm: float | None = None,
        updates: str = "simultaneous",
        discriminator_steps: int = 1,
        generator_loss: str = "non-saturating",
        input_keep_probability: float = 0.8,
        hidden_keep_probability: float = 0.5,
        epochs: int | Sequence[int] = 250,
        precision: str = "float32",
        stages: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        for size in event_shape:
            check_integer("A side of event_shape", size)
        check_integer("batch_size", batch_size)
        check_integer("discriminator_steps", discriminator_steps)
        check_choice("updates", updates, UPDATES)
        check_choice("generator_loss", generator_loss, GENERATOR_LOSSES)
        if max_column_norm is not None:
            check_number("max_column_norm", max_column_norm, above=0)
        self.event_shape, self.device = tuple(event_shape), torch.device(device)
        self._rules = Rules(
            Noise(noise, noise_dimension),
            generator_loss,
            discriminator_steps,
            LearningRateDecay(learning_rate, learning_rate_decay, minimum_learning_rate),
            updates,
        )
        self._momentum = MomentumRamp(initial_momentum, final_momentum, momentum_saturation_epoch)
        self._batch_size, self._max_column_norm = batch_size, max_column_norm
        self._precision = resolve_precision(precision)
        self._stages = Stages(
            [mnist_stage(math.prod(event_shape))] if stages is None else stages,
            epochs=epochs,
            event_shape=event_shape,
            noise_dimension=noise_dimension,
            input_keep_probability=input_keep_probability,
            hidden_keep_probability=hidden_keep_probability,
        )
        self.total_epochs = sum(self._stages.epochs)
        self.epoch = 0
        self._stages_begun = 0
        self._players: Players | None = None

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[dict[str, float]]:
        """Train; yields after every epoch its mean objectives and mean D, its momentum and its last learning rate.

        Args:
            train: `[n, *event_shape]` float32 on the model's device.
            generator: The source of all randomness, on the model's device.

        Raises:
            ValueError: Data of another shape, or outside [0, 1] where biases begin at marginals.
            ModelError: An objective is no longer finite.
        """
        if train.shape[1:] != self.event_shape or len(train) == 0:
            raise ValueError(f"train has shape {tuple(train.shape)}; expected [n >= 1, {list(self.event_shape)}].")
        while self.epoch < self.total_epochs:
            stage, epoch_of_stage = self._stages.locate(self.epoch)
            players = self._enter_stage(stage, train, generator)
            momentum = self._momentum.at(epoch_of_stage)
            minibatches = shuffled_minibatches(train, self._batch_size, generator=generator)
            metrics = train_epoch(players, minibatches, self._rules, momentum=momentum, generator=generator)
            self.epoch += 1
            self._check_finite(metrics)
            rate = self._rules.learning_rate.after(players.updates - 1)
            yield {**metrics, "learning_rate": rate, "momentum": momentum}

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw `n` images `[n, *event_shape]` from fresh noise.

        Raises:
            ValueError: The model has not been trained, or `n` is below 1.
        """
        check_integer("n", n)
        net = self._trained_players().generator.net
        samples = torch.empty(n, *self.event_shape, device=self.device)
        for part in samples.split(_SAMPLED_AT_ONCE):
            part.copy_(net(self.draw_codes(len(part), generator=generator)))
        return samples

    def draw_codes(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Noise z, the generator's input, `[n, noise_dimension]`."""
        return self._rules.noise.sample(n, generator=generator)

    @torch.no_grad()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """G(z): noise `[n, noise_dimension]` to images `[n, *event_shape]`.

        Raises:
            ValueError: The model has not been trained.
        """
        return self._trained_players().generator.net(codes)

    @torch.no_grad()
    def discriminate(self, examples: torch.Tensor) -> torch.Tensor:
        """D(x) without dropout, the probability that an image is real: `[n, *event_shape]` to `[n]`.

        Raises:
            ValueError: The model has not been trained.
        """
        return self._trained_players().discriminator.net(examples).sigmoid()

    def state_dict(self) -> dict[str, Any]:
        """Progress, and from the first epoch on the parameters and velocities of both players."""
        state: dict[str, Any] = {"epoch": self.epoch, "stages_begun": self._stages_begun}
        return state if self._players is None else state | {"players": self._players.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state, copying its tensors.

        Raises:
            ValueError: The state is of a model with other layers or stages.
        """
        stages_begun = state["stages_begun"]
        if stages_begun > len(self._stages):
            raise ValueError(f"The state is in stage {stages_begun}; this model has {len(self._stages)}.")
        self._players = self._restore(stages_begun - 1, state) if stages_begun > 0 else None
        self.epoch, self._stages_begun = state["epoch"], stages_begun

    def _trained_players(self) -> Players:
        if self._players is None:
            raise ValueError("The model has no parameters yet: train it for an epoch or load a state before sampling.")
        return self._players

    def _enter_stage(self, stage: int, train: torch.Tensor, generator: torch.Generator) -> Players:
        """The players of a stage: those there are, or, at its beginning, new ones above the layers trained before."""
        if self._players is None or self._stages_begun == stage:
            previous = None if self._players is None else self._players.generator.net
            nets = self._stages.generator(stage, previous), self._stages.discriminator(stage)
            for net in nets:
                for layer in net.materialise(self.device):
                    layer.initialise(train, generator=generator)
            self._players = Players(*nets, self._max_column_norm, self._precision)
            self._stages_begun = stage + 1
        return self._players

    def _restore(self, stage: int, state: Mapping[str, Any]) -> Players:
        """The players of a stage as they were saved."""
        nets = self._stages.generator(stage), self._stages.discriminator(stage)
        for net in nets:
            net.materialise(self.device)
        players = Players(*nets, self._max_column_norm, self._precision)
        try:
            players.load_state_dict(state["players"])
        except RuntimeError as error:
            raise ValueError(f"The state is of a model with other layers: {error}") from error
        return players

    def _check_finite(self, metrics: Mapping[str, float]) -> None:
        if not all(map(math.isfinite, metrics.values())):
            raise ModelError(
                f"Training of the adversarial nets diverged in epoch {self.epoch}: {metrics}. Try a smaller "
                "learning_rate or final_momentum, or limit the weights with max_column_norm."
            )
