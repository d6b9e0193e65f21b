"""The orders that the front sends to the zygote, and their format."""

import struct

# The order, the scorer's number, and the index in CUDA_VISIBLE_DEVICES of the single GPU that it may use, or ALL.
ORDER = struct.Struct("!cIi")
ALL = -1
START = b"S"  # with the scorer's end of its link, and its counters, as ancillary data
DESCRIPTORS = 2
KILL = b"K"
WAIT = b"W"  # at shutdown, wait for the scorers' teardown: the number is the time limit in milliseconds

# How scorers start.
FORK = "fork"
SPAWN = "spawn"
