"""What users call: `check`, `nb-builder run`, `audit`, `usage`."""
