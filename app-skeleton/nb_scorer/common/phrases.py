"""Phrases shared by the build, the service and scorers."""

import json
import signal

# Maximum number of characters of a value in a sentence.
VALUE_LENGTH = 60


def cut(text, length):
    """Return `text`, truncated to `length` characters with a mark."""
    return text if len(text) <= length else text[:length] + " …"


def last_line(text):
    """Return the last non-empty line of `text`, or ""."""
    return (text.strip().splitlines() or [""])[-1]


def counted(number, noun):
    """Return the number with the noun in singular or plural: "1 row", "2 rows"."""
    return "{} {}{}".format(number, noun, "" if number == 1 else "s")


def listed(names, most):
    """Return the first `most` names and the number of further ones: "a, b and 3 more"."""
    names = [str(name) for name in names]
    more = " and {} more".format(len(names) - most) if len(names) > most else ""
    return ", ".join(names[:most]) + more


def as_json(value):
    """Return a value as JSON, truncated for use in a sentence."""
    try:
        return cut(json.dumps(value), VALUE_LENGTH)
    except RecursionError:
        return "nested too deeply"


def ending(code):
    """Return a Popen's return code as text: "exited with status 1", "was killed by signal 9 (SIGKILL)"."""
    if code >= 0:
        return "exited with status {}".format(code)
    try:
        name = " ({})".format(signal.Signals(-code).name)
    except ValueError:
        name = ""
    return "was killed by signal {}{}".format(-code, name)
