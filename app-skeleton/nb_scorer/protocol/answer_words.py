"""What a client is told of a sample that got no answer: a status of HTTP, and a sentence."""

from nb_scorer.protocol import frames

REFUSED = "The notebook's validator refuses this sample"
MISFIT = "The sample is not what the notebook takes"
NO_JSON_FORM = "The notebook's predictor gave an answer that can't be sent"
FAILED = "The notebook's predictor failed on this sample; the service's log has the traceback."


def of(outcome, facts, messages=True):
    """Return (status, sentence) for an `outcome` of nb_scorer.protocol.frames other than OK, and its payload's facts.

    With `messages`, a validator's own exception is quoted.
    """
    if outcome == frames.NOT_JSON:
        return 400, "The body is not JSON: {}.".format(facts["reason"])
    if outcome == frames.FAILED:
        return 500, _sentence(NO_JSON_FORM, facts["reason"]) if facts.get("reason") else FAILED
    if "misfit" in facts:
        return 422, _sentence(MISFIT, facts["misfit"])
    return 422, _sentence(REFUSED, facts.get("reason") or (facts.get("message") if messages else None))


def of_row(outcome, facts):
    """Return the same for a sample that is a row of its reader's own: there is no body, and no log to look at."""
    status, sentence = of(outcome, facts)
    if sentence == FAILED:
        last = (facts.get("traceback") or "").strip().rpartition("\n")[2] or "it gave no reason"
        return status, "The notebook's predictor failed on this sample: {}".format(last)
    return status, sentence.replace("The body is not JSON", "It is not JSON")


def _sentence(beginning, reason):
    """Return `beginning` and, after a colon, the notebook's `reason`; with a full stop unless that ends in one."""
    sentence = "{}: {}".format(beginning, reason) if reason else beginning
    return sentence if sentence.endswith((".", "!", "?", "…")) else sentence + "."
