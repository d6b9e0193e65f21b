"""Certified batching: a predictor of one sample, stopped at each call of a model so that many share the call."""
