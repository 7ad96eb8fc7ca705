"""Reports: pure functions from records to text and pictures."""
