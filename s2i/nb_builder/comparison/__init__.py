"""Compares the predictions of two built services: starts them, sends both the same samples, and reports."""
