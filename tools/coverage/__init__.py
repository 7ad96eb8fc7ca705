"""Whether the range that tables show for a new training covers as often as it says: many trainings, counted."""
