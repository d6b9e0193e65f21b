"""Exports the model as a single portable file: its contents, and its bytes."""
