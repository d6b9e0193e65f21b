"""Verdicts: a validator's result as acceptance or a reason, like nb_scorer.model.functions.refusal."""

from nb_scorer.model import functions

from nb_native.translate import conditions, labels, samples
from nb_native.values import Known, Label, Sample, Vector


def write(context, verdict):
    """Write the outcome of a verdict; the C code returns there."""
    reason = Known("")
    if isinstance(verdict, conditions.Condition):
        _write_condition(context, verdict, reason)
        return
    if isinstance(verdict, Vector) and verdict.kind == "tuple" and len(verdict.items) == 2:
        verdict, reason = _pair(context, verdict)
    if isinstance(verdict, (Known, Label)) and isinstance(reason, Known):
        # Like the service, for each of the constants.
        given = reason.value
        found = labels.mapped(context, lambda item: _reason(item, given), verdict)
        if None in labels.as_label(found).table:
            context.exits.append(context.facts.about())
        write_reason(context, found)
        return
    if isinstance(verdict, Sample):
        # Text from the sample is a reason, even if it is empty.
        with context.code.block(f"if ({verdict.code}->type == NB_STRING)"):
            context.code.line(f"*reason = (nb_text){{{verdict.code}->text, {verdict.code}->length}};")
            context.code.line("return NB_REFUSED;")
    _write_condition(context, conditions.truth_of(context, verdict), reason)


def _write_condition(context, condition, reason):
    if condition.code is not False:
        facts = context.facts.copy()
        facts.learn(condition.if_true)
        context.exits.append(facts.about())
    if condition.is_known:
        write_reason(context, Known(None) if condition.code else _reason_text(context, reason))
        return
    context.code.line(f"if ({condition.code})")
    context.code.line("    return NB_OK;")
    write_reason(context, _reason_text(context, reason))


def _pair(context, verdict):
    """Return (verdict, reason) of a pair, or (True, no reason) if the service would accept the pair as true."""
    first, reason = verdict.items
    is_text = isinstance(reason, (Known, Label)) and all(
        isinstance(item, str) for item in labels.as_label(reason).table
    )
    is_nothing = isinstance(reason, Known) and reason.value is None
    if not is_text and not is_nothing:
        raise context.rejection("returns a reason that is not a constant")
    if isinstance(first, (Known, Label)):
        if isinstance(first, Label) or isinstance(reason, Label):
            raise context.rejection("returns one of several results with a reason")
        return Known((first.value, reason.value)), Known("")
    if isinstance(first, Sample):
        raise context.rejection("returns a part of the sample as the result, with a reason")
    # A Python bool combines with any reason, other truth values only with text.
    if (getattr(first, "form", None) != "NB_AS_BOOL" or getattr(first, "owner", None) != "Python") and not is_text:
        return Known(True), Known("")
    return first, reason


def _reason(verdict, reason):
    found = functions.rejection(verdict)
    return found if found is None or found else reason


def _reason_text(context, reason):
    return labels.mapped(context, lambda item: "" if item is None else str(item), reason)


def write_reason(context, reason, status="NB_REFUSED"):
    """Write that the sample is rejected with a reason, a Known or a Label; None in its table means accepted."""
    items = labels.as_label(reason).table
    if isinstance(reason, Known):
        if reason.value is None:
            context.code.line("return NB_OK;")
            return
        if reason.value:
            text = samples.text_arguments(reason.value)
            context.code.line(f"*reason = (nb_text){{{text}}};")
        context.code.line(f"return {status};")
        return
    name = context.code.name("t")
    texts = ", ".join(f"{{{samples.text_arguments(item or '')}}}" for item in items)
    context.code.tables.append(f"static const nb_text {name}[{len(items)}] = {{{texts}}};")
    for place, item in enumerate(items):
        if item is None:
            context.code.line(f"if ({reason.code} == {place})")
            context.code.line("    return NB_OK;")
    context.code.line(f"*reason = {name}[{reason.code}];")
    context.code.line(f"return {status};")
