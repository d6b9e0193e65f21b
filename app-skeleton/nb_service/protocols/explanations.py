"""Explanations of one sample without a protocol around them, as in TorchServe."""

from nb_scorer.model.calls import EXPLAINER

from nb_service.protocols import Body, Malformed, Parameters, Question

FUNCTION = EXPLAINER


def check(*, has_explainer: bool) -> None:
    """Raise Malformed unless the notebook has an explainer."""
    if not has_explainer:
        raise Malformed("This model has no explainer: its notebook does not define explainer(x).", 501)


def read(body: bytes, parameters: Parameters, *, has_explainer: bool) -> Question:
    """Return the single sample in a body, to be passed to explainer; raise Malformed."""
    check(has_explainer=has_explainer)
    if not body:
        raise Malformed("The body is empty; send one sample as JSON.")
    return Question([body], lambda answers: Body(answers[0]), parameters=parameters, function=FUNCTION)
