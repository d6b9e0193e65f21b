"""Code run by the model Python or shared by both halves: only the standard library and cloudpickle.

Every module here must run on CPython 3.6, the oldest model Python.
"""
