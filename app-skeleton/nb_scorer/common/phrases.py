"""The words that build, service and scorers use for the same thing."""

import json
import signal

# Characters of a value that a sentence has room for.
VALUE_LENGTH = 60


def cut(text, length):
    """Return `text`, cut to `length` characters, with a mark, where it has more."""
    return text if len(text) <= length else text[:length] + " …"


def last_line(text):
    """Return the last line of `text` that is not empty, "" for none."""
    return (text.strip().splitlines() or [""])[-1]


def counted(number, noun):
    """Return `number` and the noun as it stands next to that number: "1 row", "2 rows"."""
    return "{} {}{}".format(number, noun, "" if number == 1 else "s")


def listed(names, most):
    """Return the first `most` names, and how many more there are: "a, b and 3 more"."""
    names = [str(name) for name in names]
    more = " and {} more".format(len(names) - most) if len(names) > most else ""
    return ", ".join(names[:most]) + more


def as_json(value):
    """Return a value as JSON that a sentence has room for."""
    try:
        return cut(json.dumps(value), VALUE_LENGTH)
    except RecursionError:
        return "nested too deeply"


def ending(code):
    """Return a Popen's return code in words: "exited with status 1", "was killed by signal 9 (SIGKILL)"."""
    if code >= 0:
        return "exited with status {}".format(code)
    try:
        name = " ({})".format(signal.Signals(-code).name)
    except ValueError:
        name = ""
    return "was killed by signal {}{}".format(-code, name)
