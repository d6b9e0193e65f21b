"""Programs in Python that stand in for native ones: for each line of JSON that they are asked, they write an answer."""

import sys

# Their words for a sample of which predictor raises.
FAILED = "The notebook's predictor failed on this sample."
_PROGRAM = """\
#!{python}
import json, math, sys


class Error(Exception):
    pass


def answer(x):
{body}


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line))))
    except Error as error:
        print(json.dumps({{"error": str(error)}}))
    except Exception:
        print(json.dumps({{"error": {failed!r}}}))
{end}
"""


def program(folder, body, name="program", end=""):
    """Return the path of a program that answers as the body of `answer(x)` says, and ends with the lines `end`.

    An Error is answered with its own words; whatever else is raised is a failure of predictor.
    """
    path = folder / name
    lines = "\n".join("    " + line for line in body.split("\n"))
    path.write_text(_PROGRAM.format(python=sys.executable, body=lines, failed=FAILED, end=end))
    path.chmod(0o755)
    return str(path)
