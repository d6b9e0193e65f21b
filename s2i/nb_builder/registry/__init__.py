"""Pushes models to an OCI registry as artifacts, and pulls them by digest."""
