"""`%nb_check`, `%nb_serve` and `%nb_golden`, inside a user's own kernel.

Everything that needs packages runs in the command `nb-builder`, as a separate process. The kernel itself loads only the
standard library, IPython, and code of ours that needs no more than these.
"""
