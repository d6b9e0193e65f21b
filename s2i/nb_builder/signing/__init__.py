"""Signs what a build has made: the model, and where it comes from."""
