"""What users call: `check`, `make run`, `audit`, `usage`."""
