"""Deep belief network (Hinton, Osindero and Teh 2006)."""
