"""The kernels of the metrics: distances, kernel sums and nearest neighbours, with bounds on their errors."""
