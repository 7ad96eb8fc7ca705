"""One epoch and a thousand samples of every model, on images like the embedded digits."""

from __future__ import annotations

import torch

from ganbench.registry import find_model
from ganbench.seeding import torch_generator


class Model:
    params = (["adversarial", "dbn", "cae", "gsn"],)
    param_names = ("model",)

    def setup(self, model):
        source = find_model(f"{model}[preset=digits]")
        self.train = torch.rand(1000, 8, 8, generator=torch_generator(0))
        self.model = source.build((8, 8), "cpu", source.hyperparameters("digits"))
        self.generator = torch_generator(1)
        self.epochs = self.model.fit(self.train, generator=self.generator)
        next(self.epochs)

    def time_epoch(self, model):
        next(self.epochs)

    time_epoch.number, time_epoch.repeat = 1, 5

    def time_1000_samples(self, model):
        self.model.sample(1000, generator=self.generator)
