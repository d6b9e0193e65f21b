"""Compares the predictions of two services: starts both, sends them the same samples, and reports the differences."""
