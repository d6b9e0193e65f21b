"""Slim images: finds what serving needs, lays a file system of just that, and proves it."""
