"""Developers' programs, run from a checkout: `python -m tools.regressions`."""
