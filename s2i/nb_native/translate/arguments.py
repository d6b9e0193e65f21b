"""The positional and keyword arguments of a call."""

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate.displays import escaping, items_of_display


def given(context, node, *names, needed=1):
    """Return the values of a call's arguments in the order of `names`, None for omitted ones.

    Raises Refusal for arguments that Python wouldn't accept either: working notebooks have no such call.
    """
    positional = items_of_display(context, node.args)
    values = dict(zip(names, positional))
    known = len(positional) <= len(names)
    for keyword in node.keywords:
        known = known and keyword.arg in names and keyword.arg not in values
        if known:
            values[keyword.arg] = escaping(context, keyword.value)
    if not known or any(name not in values for name in names[:needed]):
        raise context.rejection(f"calls {short_text_of(node.func)} with arguments that have no native form")
    return [values.get(name) for name in names]


def only(context, node):
    """Return the value of a call's only argument, which the called function reads but doesn't keep."""
    if len(node.args) == 1 and not node.keywords:
        return context.evaluate(node.args[0])
    return given(context, node, "x")[0]
