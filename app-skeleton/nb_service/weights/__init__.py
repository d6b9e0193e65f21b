"""Files that a model needs and its image may leave out: fetched by the build, mounted or fetched again at the start."""
