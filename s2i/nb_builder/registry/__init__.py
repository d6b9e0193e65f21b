"""Models as artifacts in an OCI registry: pushed, and pulled by digest."""
