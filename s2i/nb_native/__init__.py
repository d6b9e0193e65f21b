"""Makes a native program of a service's predictor: read the model, translate, compile, prove.

Run by the model's own Python, which has the libraries that the model was made with.
"""
