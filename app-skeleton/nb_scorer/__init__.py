"""Code that the model Python runs, or that both halves share; needs only the standard library and cloudpickle.

Every module here must run on CPython 3.6, the oldest model Python.
"""
