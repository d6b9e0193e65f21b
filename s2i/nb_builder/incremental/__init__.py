"""Reuses results of the previous build: its environment, and its model if nothing has changed."""
