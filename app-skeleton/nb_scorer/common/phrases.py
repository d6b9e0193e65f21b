"""Words that build, service and scorers have for the same thing."""

import json
import signal

# Characters of a value that a sentence has room for.
VALUE_LENGTH = 60


def cut(text, most):
    """Return `text`, of one with more than `most` characters so many, and a sign that there are more."""
    return text if len(text) <= most else text[:most] + " …"


def as_json(value):
    """Return a value as JSON that a sentence has room for."""
    try:
        return cut(json.dumps(value), VALUE_LENGTH)
    except RecursionError:
        return "nested too deeply"


def ending(code):
    """Return a Popen's return code in words: "ended with exit code 1", "was killed by signal 9 (SIGKILL)"."""
    if code >= 0:
        return "ended with exit code {}".format(code)
    try:
        name = " ({})".format(signal.Signals(-code).name)
    except ValueError:
        name = ""
    return "was killed by signal {}{}".format(-code, name)
