"""Edits of `check --fix` to a notebook: requirements from the user's installed packages, and a first predictor."""
