"""What a client is told of a sample that gets no answer: facts for the payload, short enough for a sentence."""

import os
import re
import sys

from nb_scorer.common import phrases
from nb_scorer.model import functions
from nb_scorer.model.misfit import Misfit
from nb_scorer.protocol import answer_words

# Where packages are, and Python's own modules.
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_STANDARD = os.path.join(os.path.dirname(os.path.realpath(os.__file__)), "")
# A reason is a sentence for a client, not a document.
REASON_LENGTH = 500


def of_misfit(misfit):
    """Return the facts of a Misfit: all in one sentence, and each field by a JSON pointer."""
    return {"misfit": short(str(misfit)), "errors": _errors(misfit)}


def of_parameters(misfit):
    """Return the facts of a Misfit of a request's parameters."""
    detail = answer_words.of_parameters(short(str(misfit)))
    return {"status": 422, "detail": detail, "errors": _errors(misfit, ("parameters",))}


def _errors(misfit, above=()):
    return [{"pointer": _pointer((*above, *path)), "detail": short(detail)} for path, detail in misfit.errors]


def of_choice(error):
    """Return {"status", "detail"} where an exception of the notebook's has a status of HTTP from 400 to 599, else None.

    An exception of a library's class is none of the notebook's, even if a server that it called gave it a status.
    """
    status = getattr(error, "status", None)
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status < 600:
        return None
    if not _is_of_notebook(type(error)):
        return None
    try:
        return {"status": int(status), "detail": short(str(error))}
    # A notebook's exception may have a __str__ that raises.
    except Exception:
        return {"status": int(status), "detail": ""}


def _is_of_notebook(kind):
    """Return whether a class is the author's own, or Python's, which an author gives a status."""
    if kind.__module__ in ("__main__", "builtins"):
        return True
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    parts = os.path.realpath(file).split(os.sep)
    return bool(file) and not _INSTALLED.intersection(parts) and not os.path.realpath(file).startswith(_STANDARD)


def missing(sample, schema, error):
    """Return the Misfit of a sample that lacks fields which all of the notebook's own have, if `error` is about them.

    None where it lacks none, or the words of `error` name none of them: then it has another cause. `schema` is that of
    the notebook's own samples.
    """
    if type(sample) is not dict:
        return None
    names = [name for name in schema.get("required", ()) if name not in sample]
    if not names:
        return None
    try:
        words = set(re.findall(r"\w+", str(error)))
    # A notebook's exception may have a __str__ that raises.
    except Exception:
        return None
    named = [name for name in names if words.issuperset(re.findall(r"\w+", name))]
    return Misfit([((name,), "is missing") for name in named]) if named else None


def message_of(error):
    """Return what a client is told of an exception that a validator raised, or None where it has no text."""
    try:
        return short(functions.words_of(error))
    # A notebook's exception may have a __str__ that raises.
    except Exception:
        return None


def short(text):
    """Return `text` cut to what an answer has room for, with lone surrogates, which no page can have, escaped."""
    return phrases.cut(text, REASON_LENGTH).encode("utf-8", "backslashreplace").decode("utf-8")


def _pointer(path):
    """Return the JSON pointer to what is at `path` in the sample, as a fragment of a URI."""
    names = [str(name).replace("~", "~0").replace("/", "~1") for name in path]
    return short("#" + "".join("/" + name for name in names))
