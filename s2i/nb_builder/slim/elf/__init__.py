"""Shared objects: resolves their dependencies, strips them, and replaces duplicates with links."""
