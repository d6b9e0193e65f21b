"""The values of S2I_SLIM, from the least that is left out to the most, and those of S2I_SLIM_BASE."""

LEVELS = OFF, DISTRIBUTIONS, FILES = ("off", "distributions", "files")
BASES = SCRATCH, SHELL = ("scratch", "shell")
