"""Checks that need no installed package, and checks of the installed environment before the first cell runs."""
