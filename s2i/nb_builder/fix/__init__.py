"""What `check --fix` writes into a notebook: requirements, by what is installed next to it, and a first predictor."""
