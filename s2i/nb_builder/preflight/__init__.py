"""The checks that need no installed package, and those of the installed environment before the first cell runs."""
