"""The orders that the front sends to the zygote, and their format."""

import struct

# The order, the scorer's number, the index in CUDA_VISIBLE_DEVICES of the single GPU that it may use, or ALL, and the
# number of descriptors that come as ancillary data.
ORDER = struct.Struct("!cIiI")
ALL = -1
START = b"S"  # with the scorer's end of each of its links, and the file of their counters, as ancillary data
# The kernel passes 253 at once.
MAX_DESCRIPTORS = 128
KILL = b"K"
WAIT = b"W"  # at shutdown, wait for the scorers' teardown: the number is the time limit in milliseconds

# How scorers start.
FORK = "fork"
SPAWN = "spawn"
