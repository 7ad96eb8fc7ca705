"""Whether the rulers' errors and tests mean what they say: repetitions with laws whose difference is known."""
