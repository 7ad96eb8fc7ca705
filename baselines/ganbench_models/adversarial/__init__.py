"""The adversarial nets of Goodfellow et al. 2014: two players, their objectives, schedules and training."""
