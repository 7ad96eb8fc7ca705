"""Records: the immutable outcomes of cells, their provenance, and the frame that tables are made of."""
