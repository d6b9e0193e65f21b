"""The words of S2I_SLIM, from the least that is left out to the most, and of S2I_SLIM_BASE."""

LEVELS = OFF, DISTRIBUTIONS, FILES = ("off", "distributions", "files")
BASES = SCRATCH, SHELL = ("scratch", "shell")
