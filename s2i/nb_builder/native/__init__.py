"""A native image: predictor as machine code of some kilobytes, verified before it gets its name."""
