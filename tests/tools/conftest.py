"""The checkout's own programs."""

from __future__ import annotations

from checkout import make_importable

make_importable("tools")
