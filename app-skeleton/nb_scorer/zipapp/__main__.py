"""`python -m nb_scorer.zipapp FILE …` runs or verifies a file with this program instead of the included one."""

import sys

from nb_scorer.zipapp.command import main

sys.exit(main(sys.argv[1:]))
