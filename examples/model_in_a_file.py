"""A model in one file: a Gaussian in the leading principal components of the training images.

`ganbench check ./model_in_a_file.py:ComponentGaussian` examines it, and `ganbench run-all --models
./model_in_a_file.py:ComponentGaussian` gives it a row in the table.
"""

import torch

from ganbench.modelling import check_integer


class ComponentGaussian:
    """Images whose coordinates in the leading principal components are independent and Gaussian."""

    def __init__(self, event_shape, *, device="cpu", components=20):
        """Declare the parameters; the harness gives the shape of an image and the device."""
        self.event_shape, self.device = tuple(event_shape), device
        check_integer("components", components, most=10_000)
        self.components = components
        self.mean = torch.zeros(0, device=device)
        self.directions = torch.zeros(0, 0, device=device)
        self.epoch = 0

    def fit(self, train, *, generator):
        """Train by one decomposition, which counts as one epoch."""
        while self.epoch < 1:
            flat = train.flatten(1)
            self.mean = flat.mean(0)
            _, spread, directions = torch.linalg.svd(flat - self.mean, full_matrices=False)
            leading = slice(self.components)
            self.directions = spread[leading, None] * directions[leading] / len(flat) ** 0.5
            self.epoch += 1
            yield {"explained": float(spread[leading].square().sum() / spread.square().sum())}

    def sample(self, n, *, generator):
        """Draw n images."""
        if self.epoch == 0:
            return torch.zeros(n, *self.event_shape, device=self.device)
        codes = torch.randn(n, len(self.directions), generator=generator, device=self.device)
        return (self.mean + codes @ self.directions).clamp(0, 1).reshape(n, *self.event_shape)

    def state_dict(self):
        """All that sampling and further training depend on."""
        return {"mean": self.mean, "directions": self.directions, "epoch": self.epoch}

    def load_state_dict(self, state):
        """Go on from a state."""
        self.mean, self.directions = state["mean"].clone(), state["directions"].clone()
        self.epoch = state["epoch"]


if __name__ == "__main__":  # by hand, as the harness does it
    generator = torch.Generator().manual_seed(0)
    model = ComponentGaussian((8, 8), components=5)
    for epoch in model.fit(torch.rand(100, 8, 8, generator=generator), generator=generator):
        print(epoch)
    print(tuple(model.sample(3, generator=generator).shape))
