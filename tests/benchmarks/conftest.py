"""The suite of the checkout."""

from __future__ import annotations

from checkout import make_importable

make_importable("benchmarks")
