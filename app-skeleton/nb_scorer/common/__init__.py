"""Shared by all parts of nb_scorer: file names, the structure of problems, and settings tables."""
