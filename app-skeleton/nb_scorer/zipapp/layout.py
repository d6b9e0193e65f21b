"""Names in the file that the back end `zipapp` writes and this package reads.

Contents shared with an exported archive of the model have the same names: model/, build/, wheels/.
"""

from nb_scorer.common import paths

# The version of the file's format.
FORMAT = 1
FACTS = "zipapp.json"  # format, name of the model, and the platform of compiled wheels
MAIN = "__main__.py"
SIGNATURE = "zipapp.sig"  # signature over everything else
# The subject of a signature over the whole file, in addition to the one over the model.
SUBJECT = "zipapp"
PROGRAM = "nb_scorer/"
MODEL = paths.MODEL + "/"
SRC = paths.SRC + "/"
WHEELS = "wheels/"
WHEELS_LIST = WHEELS + "requirements.lock"
LOCK = "{}/{}".format(paths.BUILD, paths.LOCK)
PROVENANCE = "{}/{}".format(paths.BUILD, paths.PROVENANCE)
PROVENANCE_SIGNATURE = "{}/{}".format(paths.BUILD, paths.PROVENANCE_SIGNATURE)
MODEL_SIGNATURE = MODEL + paths.SIGNATURE


def is_wheel(name):
    """Return whether this is the name of a package."""
    return name.startswith(WHEELS) and name.endswith(".whl")


# Runs first, in whatever Python is available, so its messages must work in all versions.
MAIN_PROGRAM = """\
import sys

if sys.version_info < (3, 6):
    sys.exit("ERROR: This is Python %d.%d, and the program in this file needs 3.6 or newer." % sys.version_info[:2])
from nb_scorer.zipapp.command import main

sys.exit(main(sys.argv))
"""
