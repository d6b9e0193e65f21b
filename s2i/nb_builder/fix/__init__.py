"""What `check --fix` writes into a notebook: requirements, by what is installed beside it, and a first predictor."""
