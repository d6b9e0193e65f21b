"""The orders that the front sends to the zygote, and their form."""

import struct

ORDER = struct.Struct("!cI")
START = b"S"  # with the scorer's end of its link, and its counters, as ancillary data
DESCRIPTORS = 2
KILL = b"K"

# How scorers start.
FORK = "fork"
SPAWN = "spawn"
