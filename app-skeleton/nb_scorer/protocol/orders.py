"""The orders that the front sends to the zygote, and their form."""

import struct

# The order, the scorer's number, and the place in CUDA_VISIBLE_DEVICES of the one GPU that it is to see, or ALL.
ORDER = struct.Struct("!cIi")
ALL = -1
START = b"S"  # with the scorer's end of its link, and its counters, as ancillary data
DESCRIPTORS = 2
KILL = b"K"
WAIT = b"W"  # at the end, wait for the scorers, which tear down what their setup made: the number is the milliseconds

# How scorers start.
FORK = "fork"
SPAWN = "spawn"
