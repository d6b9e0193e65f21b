"""The values of S2I_SLIM, ordered by how much they remove from the image, and those of S2I_SLIM_BASE."""

LEVELS = OFF, DISTRIBUTIONS, FILES = ("off", "distributions", "files")
BASES = SCRATCH, SHELL = ("scratch", "shell")
