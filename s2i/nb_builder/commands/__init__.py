"""Commands for users: `check`, `nb-builder run`, `audit`, `usage`."""
