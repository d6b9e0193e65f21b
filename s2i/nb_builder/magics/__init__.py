"""`%nb_check`, `%nb_serve` and `%nb_golden`, inside a user's own kernel.

What needs packages is done by the command `nb-builder`, as a program of its own. The kernel itself gets nothing but the
standard library, IPython and code of ours that needs no more than these.
"""
