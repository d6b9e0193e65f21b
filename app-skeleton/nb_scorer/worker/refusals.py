"""What a client is told of a sample that gets no answer: facts for the payload, short enough for a sentence."""

import re

from nb_scorer.common import phrases
from nb_scorer.model import functions
from nb_scorer.model.misfit import Misfit

# A reason is a sentence for a client, not a document.
REASON_LENGTH = 500


def of_misfit(misfit):
    """Return the facts of a Misfit: all in one sentence, and each field by a JSON pointer."""
    errors = [{"pointer": _pointer(path), "detail": short(detail)} for path, detail in misfit.errors]
    return {"misfit": short(str(misfit)), "errors": errors}


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
