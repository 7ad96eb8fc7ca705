"""Clouds: training images, blurred by noise."""

from __future__ import annotations

import torch

from toy_clouds.noise import cloud


class Clouds:
    """Training images with a little noise."""

    def __init__(self, event_shape, *, device="cpu", deviation=0.1):
        self.deviation = deviation
        self.images = torch.zeros(1, *event_shape)
        self.epoch = 0

    def fit(self, train, *, generator):
        while self.epoch < 1:
            self.images = train.clone()
            self.epoch += 1
            yield {"images": float(len(train))}

    def sample(self, n, *, generator):
        rows = torch.randint(len(self.images), (n,), generator=generator)
        return cloud(self.images[rows], self.deviation, generator)

    def state_dict(self):
        return {"images": self.images, "epoch": self.epoch}

    def load_state_dict(self, state):
        self.images, self.epoch = state["images"].clone(), state["epoch"]
