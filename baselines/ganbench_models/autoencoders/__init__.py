"""Stacked contractive auto-encoder (Rifai et al. 2011, 2012)."""
