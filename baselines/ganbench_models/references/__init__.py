"""Rows of known standing: what a ruler says of them tells how far it can be trusted."""
