"""Noise, in a module of its own."""

from __future__ import annotations

import torch


def cloud(images, deviation, generator):
    """Images with Gaussian noise, clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=generator)
    return (images + deviation * noise).clamp(0, 1)
