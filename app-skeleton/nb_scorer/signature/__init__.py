"""The parts of a model's signature: the files that it names, the statement about them, the bundle around it."""
