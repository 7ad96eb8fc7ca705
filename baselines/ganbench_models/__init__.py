"""The baselines of Table 1: deep belief network, stacked contractive auto-encoder, generative stochastic network."""
