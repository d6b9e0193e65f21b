"""Builds a native image: predictor as a few kilobytes of machine code, verified before the image is named."""
