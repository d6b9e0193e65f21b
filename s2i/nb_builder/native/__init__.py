"""A native image: predictor as machine code of some kilobytes, proved equal before it gets its name."""
