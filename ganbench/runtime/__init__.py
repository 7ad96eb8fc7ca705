"""The runtime: seeds, devices, minibatches, matrix products, CUDA graphs, random bits."""
