"""Verified batching: a predictor of one sample pauses at each model call, so that many samples share the call."""
