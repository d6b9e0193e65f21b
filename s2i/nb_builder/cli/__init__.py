"""`nb-builder`, the command that people install: finds or makes the environments, and calls what is in them.

It runs in whatever Python it was installed into, from 3.10 on, so it needs nothing but the standard library.
"""
