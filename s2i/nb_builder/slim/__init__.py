"""Slim images: finds what serving needs, builds a file system with only that, and verifies it."""
