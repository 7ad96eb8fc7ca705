"""The registry: components by their spec strings, and what a stored result depends on."""
