"""`%nb_check`, `%nb_serve` and `%nb_golden`, inside a user's own kernel.

The command `nb-builder` does everything that needs packages, in a separate process. The kernel loads only the standard
library, IPython, and nb-builder code that needs nothing else.
"""
