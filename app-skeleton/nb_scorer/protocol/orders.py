"""What the front orders of the zygote, and in which form: the words that both halves share."""

import struct

ORDER = struct.Struct("!cI")
START = b"S"  # with the scorer's end of its link, and its tally, as ancillary data
DESCRIPTORS = 2
KILL = b"K"

# How scorers start.
FORK = "fork"
SPAWN = "spawn"
