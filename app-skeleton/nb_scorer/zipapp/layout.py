"""Names in the file that the back end `zipapp` writes and this room reads: their only home.

What is also in an exported archive of the model has its names there: model/, build/, wheels/.
"""

from nb_scorer.common import paths

# Which form of file this is; another number is another form.
FORMAT = 1
FACTS = "zipapp.json"  # format, name of the model, and the machine that compiled wheels are for
MAIN = "__main__.py"
SIGNATURE = "zipapp.sig"  # over all others
# What a signature calls that over the whole file, alongside the one that is over the model.
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


# What is run first, by whatever Python there is; so it says what is wrong in words that each of them can read.
MAIN_PROGRAM = """\
import sys

if sys.version_info < (3, 6):
    sys.exit("ERROR: This is Python %d.%d, and the program in this file needs 3.6 or newer." % sys.version_info[:2])
from nb_scorer.zipapp.command import main

sys.exit(main(sys.argv))
"""
