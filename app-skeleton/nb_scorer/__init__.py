"""What the model Python runs, and what both halves share: standard library and cloudpickle only.

Every module here must run on CPython 3.6, the oldest model Python.
"""
