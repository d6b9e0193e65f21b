"""The installed command `nb-builder`: finds or creates its environments, and runs programs in them.

It runs on the Python that it was installed into (3.10 or later) and uses only the standard library.
"""
