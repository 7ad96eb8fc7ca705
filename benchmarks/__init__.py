"""The asv suite: `asv run --python=same` measures this checkout, `asv run` its commits."""
