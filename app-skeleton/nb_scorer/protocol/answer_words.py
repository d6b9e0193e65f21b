"""The response to a sample without a prediction: an HTTP status and a sentence."""

import itertools

from nb_scorer.protocol import frames

REFUSED = "The notebook's validator rejects this sample"
MISFIT = "The sample does not match what the notebook accepts"
NO_JSON_FORM = "The notebook's predictor returned a value that can't be sent"
WRONG_PARAMETERS = "The parameters do not match what the notebook accepts"
FAILED = "The notebook's predictor failed on this sample; the service's log has the traceback."
# For an exception with a status but without a message.
FAILED_BY_CHOICE = "The notebook's predictor rejects this request."
_HEADER = "Traceback (most recent call last):\n"


def describe(outcome, facts, messages=True):
    """Return (status, sentence) for an `outcome` of nb_scorer.protocol.frames other than OK, and its payload's facts.

    With `messages`, a validator's own exception is quoted.
    """
    if "status" in facts:
        return facts["status"], facts["detail"] or FAILED_BY_CHOICE
    if outcome == frames.NOT_JSON:
        return 400, "The body is not JSON: {}.".format(facts["reason"])
    if outcome == frames.FAILED:
        return 500, _sentence(NO_JSON_FORM, facts["reason"]) if facts.get("reason") else FAILED
    if "misfit" in facts:
        return 422, _sentence(MISFIT, facts["misfit"])
    return 422, _sentence(REFUSED, facts.get("reason") or (facts.get("message") if messages else None))


def of_parameters(misfit):
    """Return the sentence for invalid parameters, with these reasons."""
    return _sentence(WRONG_PARAMETERS, misfit)


def of_row(outcome, facts):
    """Do the same for a sample from a row of the user's own file, without mentioning a body or a log."""
    status, sentence = describe(outcome, facts)
    if sentence == FAILED:
        error = error_of(facts.get("traceback") or "") or "it gave no reason"
        return status, "The notebook's predictor failed on this sample: {}".format(error)
    return status, sentence.replace("The body is not JSON", "It is not JSON")


def error_of(text):
    """Return the class and the first line of the error at the end of a traceback; its last line, if it has no frames.

    The message may have more lines, but the first is the most informative.
    """
    _, header, raised = text.rpartition(_HEADER)
    lines = [line for line in raised.splitlines() if line.strip()]
    # Frames are indented.
    error = list(itertools.dropwhile(lambda line: line.startswith(" "), lines)) if header else []
    if not error:
        return lines[-1].strip() if lines else ""
    # A message may start with an empty line.
    return " ".join(line.strip() for line in error[: 2 if error[0].rstrip().endswith(":") else 1])


def _sentence(beginning, reason):
    """Return `beginning`, a colon and the notebook's `reason`, with a full stop added unless it ends with one."""
    sentence = "{}: {}".format(beginning, reason) if reason else beginning
    return sentence if sentence.endswith((".", "!", "?", "…")) else sentence + "."
