"""The notebook's environment: its Python, its packages, and why they can't be installed."""
