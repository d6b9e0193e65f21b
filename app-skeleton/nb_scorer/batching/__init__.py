"""Certified batching: a predictor of one sample pauses at each call of a model, so that many samples share the call."""
