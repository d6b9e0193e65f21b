"""Files that a model needs and its image may leave out: fetched by the build, or mounted or fetched at the start."""
