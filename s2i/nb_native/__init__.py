"""Builds a native program from a service's predictor: read the model, translate, compile, verify.

It runs in the model's own Python, which has the libraries of the model.
"""
