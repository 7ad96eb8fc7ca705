"""Whether samples are copies of training examples. Every number stands beside its null, measured on the data itself.

The null puts validation examples, which no model has made, in the place of the samples, and test examples in the place
that they have anyhow. A number means something as far as it differs from its null.
"""
