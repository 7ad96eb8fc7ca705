"""Experiments: a plan of cells, an executor that trains, samples and scores them, and a store that loses nothing."""
