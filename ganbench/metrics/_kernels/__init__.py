"""The kernels of the metrics: distances, kernel sums and nearest neighbours, with bounds on their errors.

A kernel that was made faster, and whose numbers are the earlier ones within the tolerance that it promises, keeps
their name: it declares `NUMBERS_OF`, the hash of that source (`ganbench.registry.dependencies`), and stored scores
stay current. One whose numbers become others drops the declaration, and its scores are computed again.
"""
