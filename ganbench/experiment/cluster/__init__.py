"""Cells as jobs of a cluster: put together by cost, submitted once, collected by whoever asks."""
