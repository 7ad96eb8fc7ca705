"""Whether the ± shown for trainings covers a new training as often as it says: many trainings, held against each other."""
