"""Facts for the client about a rejected or failed sample, each short enough for a sentence."""

import os
import re
import sys

from nb_scorer.common import phrases
from nb_scorer.model import functions
from nb_scorer.model.misfit import Misfit
from nb_scorer.protocol import answer_words

# Folders of installed packages. The paths of Python's own modules contain none of them.
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_STANDARD = os.path.join(os.path.dirname(os.path.realpath(os.__file__)), "")
# A reason should be a sentence for a client rather than a document.
REASON_LENGTH = 500


def of_misfit(misfit):
    """Return the facts of a Misfit: one sentence for all, and a JSON pointer for each field."""
    return {"misfit": short(str(misfit)), "errors": _errors(misfit)}


def of_parameters(misfit):
    """Return the facts of a Misfit of a request's parameters."""
    detail = answer_words.of_parameters(short(str(misfit)))
    return {"status": 422, "detail": detail, "errors": _errors(misfit, ("parameters",))}


def _errors(misfit, above=()):
    return [{"pointer": _pointer((*above, *path)), "detail": short(detail)} for path, detail in misfit.errors]


def of_choice(error):
    """Return {"status", "detail"} if an exception of the notebook has an HTTP status from 400 to 599, otherwise None.

    Exceptions of a library's class don't count: their status may come from a server that the library called.
    """
    status = getattr(error, "status", None)
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status < 600:
        return None
    if not _is_of_notebook(type(error)):
        return None
    try:
        return {"status": int(status), "detail": short(str(error))}
    # The __str__ of a notebook's exception may raise.
    except Exception:
        return {"status": int(status), "detail": ""}


def _is_of_notebook(kind):
    """Return whether a class is the author's own, or Python's, to which an author adds a status."""
    if kind.__module__ in ("__main__", "builtins"):
        return True
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    parts = os.path.realpath(file).split(os.sep)
    return bool(file) and not _INSTALLED.intersection(parts) and not os.path.realpath(file).startswith(_STANDARD)


def missing(sample, schema, error):
    """Return a Misfit for fields missing from a sample that all of the notebook's own have, if `error` is about them.

    None if no field is missing, or if the text of `error` names none of them: then the cause is another. `schema` is
    that of the notebook's own samples.
    """
    if type(sample) is not dict:
        return None
    names = [name for name in schema.get("required", ()) if name not in sample]
    if not names:
        return None
    try:
        mentioned = set(re.findall(r"\w+", str(error)))
    # The __str__ of a notebook's exception may raise.
    except Exception:
        return None
    named = [name for name in names if mentioned.issuperset(re.findall(r"\w+", name))]
    return Misfit([((name,), "is missing") for name in named]) if named else None


def message_of(error):
    """Return the message for the client about an exception of a validator, or None if it has no text."""
    try:
        return short(functions.describe_error(error))
    # The __str__ of a notebook's exception may raise.
    except Exception:
        return None


def short(text):
    """Return `text`, truncated for a response, with lone surrogates, which no page can contain, escaped."""
    return phrases.cut(text, REASON_LENGTH).encode("utf-8", "backslashreplace").decode("utf-8")


def _pointer(path):
    """Return the JSON pointer to `path` in the sample, as a URI fragment."""
    names = [str(name).replace("~", "~0").replace("/", "~1") for name in path]
    return short("#" + "".join("/" + name for name in names))
