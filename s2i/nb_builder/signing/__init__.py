"""Signs the results of a build: the model and its provenance."""
