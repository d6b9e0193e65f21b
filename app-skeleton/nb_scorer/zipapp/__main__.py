"""`python -m nb_scorer.zipapp FILE …` runs or verifies a file by the program that is here, not by the one in it."""

import sys

from nb_scorer.zipapp.command import main

sys.exit(main(sys.argv[1:]))
