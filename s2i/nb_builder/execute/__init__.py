"""Runs the notebook's cells in a kernel of its own Python, and explains why one failed."""
