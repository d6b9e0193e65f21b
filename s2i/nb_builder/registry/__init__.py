"""Models as artifacts in an OCI registry: pushed, and pulled again by digest."""
