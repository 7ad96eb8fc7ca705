"""Models that take their process with them, and one that keeps it for ever."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time

import torch
from models import PixelwiseGaussian


class Segfaults(PixelwiseGaussian):
    def _step(self, train, generator):
        ctypes.string_at(0)


class Exits(PixelwiseGaussian):
    def _step(self, train, generator):
        os._exit(0)


class IsKilled(PixelwiseGaussian):
    """As by the system when memory runs out."""

    def sample(self, n, *, generator):
        os.kill(os.getpid(), signal.SIGKILL)


class TakesTooMuch(PixelwiseGaussian):
    def _step(self, train, generator):
        resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, resource.RLIM_INFINITY))
        torch.zeros(2**36)


class Hangs(PixelwiseGaussian):
    """Deaf to requests besides."""

    def _step(self, train, generator):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)


class HasNoText(PixelwiseGaussian):
    def _step(self, train, generator):
        class Wordless(Exception):
            def __str__(self):
                raise ValueError("no text")

        raise Wordless


class TalksTooMuch(PixelwiseGaussian):
    def _step(self, train, generator):
        raise RuntimeError("a" * 10_000_000 + "\udc80\x1b[31m")
