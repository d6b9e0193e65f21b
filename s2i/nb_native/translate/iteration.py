"""Iteration and unpacking assignments."""

import ast

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate import arrays, labels, samples
from nb_native.translate.kinds import Lazy, Real
from nb_native.values import Known, Label, Number, Record, Sample, Vector

# Maximum number of iterations; loops over known values are unrolled.
MAX_ITEMS = 10000


def iterated(context, value):
    """Return the items that Python would iterate over."""
    value = arrays.written_out(context, value)
    if isinstance(value, Vector):
        return [out_of(value, item) for item in value.items]
    if isinstance(value, Record):
        return [Known(key) for key in value.fields]
    if isinstance(value, Known):
        items = labels.raised(context, list, value.value)
        if len(items) > MAX_ITEMS:
            raise context.rejection(f"loops over more than {MAX_ITEMS} constants")
        return [Known(item) for item in items]
    if isinstance(value, Sample):
        length = context.facts.lengths.get(value.code)
        if length is not None and length <= MAX_ITEMS:
            return samples.items(context, value, length)
        require_known_length(context)
    if isinstance(value, (Real, Number)):
        context.fail()
    raise context.rejection("loops over a value that has no native form")


def iterated_in_part(context, value):
    """Like `iterated`, for a loop that may stop early; raise Refusal if the remaining items might raise."""
    if isinstance(value, Vector) and value.may_raise:
        raise context.rejection("may leave a generator, whose items may raise, before its last item; use a list")
    return iterated(context, value)


def out_of(value, item):
    """Return a Vector's item as Python returns it: items of arrays are numpy numbers."""
    if value.kind == "array" and isinstance(item, Label):
        return labels.numpy_items(item)
    return item


def assign(context, target, value):
    """Assign a value to a target: a name, or names in a tuple."""
    if isinstance(target, ast.Name):
        frame = context.frame
        if target.id in frame.declared:
            raise context.rejection(f"writes {target.id}, which keeps its value after the call")
        reject_generator(context, value)
        frame.names[target.id] = value
        frame.shared.discard(target.id)
        return
    if isinstance(target, (ast.Tuple, ast.List)):
        starred = [place for place, part in enumerate(target.elts) if isinstance(part, ast.Starred)]
        if isinstance(value, Sample) and not starred:
            samples.require(context, value, frozenset(["list", "text", "object"]))
            items = samples.items(context, value, len(target.elts))
        else:
            items = iterated(context, value)
        if starred:
            after = len(target.elts) - starred[0] - 1
            if len(items) < len(target.elts) - 1:
                context.fail()
            middle = Vector(tuple(items[starred[0] : len(items) - after]), "list")
            items = [*items[: starred[0]], middle, *items[len(items) - after :]]
        if len(items) != len(target.elts):
            context.fail()
        for part, item in zip(target.elts, items):
            assign(context, part.value if isinstance(part, ast.Starred) else part, item)
        return
    raise context.rejection(f"writes {short_text_of(target)}, which has no native form")


def require_known_length(context):
    """Raise Refusal for a loop over the sample if its length is unknown."""
    raise context.rejection("loops over the sample, whose length is unknown; check len() first")


def reject_generator(context, value):
    """Raise Refusal if something that can be iterated over only once is stored."""
    if isinstance(value, (Vector, Lazy)) and value.kind == "generator":
        raise context.rejection("stores a generator; use a list")
