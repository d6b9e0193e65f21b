"""Comprehensions: unrolled if their length is known, else evaluated item by item when used."""

import ast

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate import samples
from nb_native.translate.context import Raised
from nb_native.translate.displays import escaping, set_field
from nb_native.translate.iteration import assign, iterated, require_known_length
from nb_native.translate.kinds import Lazy, Real
from nb_native.values import Label, Number, Record, Sample, Vector


def list_comprehension(context, node):
    """Return [… for … in …] as a Vector or a Lazy."""
    return comprehended(context, node, "list")


def comprehended(context, node, kind):
    """Return a comprehension as a Vector, or as a Lazy if it iterates over the sample, whose length is unknown."""
    generators = node.generators
    if any(generator.is_async for generator in generators):
        raise context.rejection("awaits")
    if any(isinstance(part, ast.NamedExpr) for part in ast.walk(node)):
        raise context.rejection("uses := in a comprehension")
    saved = dict(context.frame.names)
    try:
        first = context.evaluate(generators[0].iter)
        lazy = _lazy(context, node, first, kind)
        if lazy is not None:
            return lazy
        found: list = []
        before = len(context.code.lines)
        _run(context, node, 0, first, found)
        may_raise = len(context.code.lines) > before or getattr(first, "may_raise", False)
        return Vector(tuple(found), kind, kind == "generator" and may_raise)
    finally:
        context.frame.names = saved


def _lazy(context, node, first, kind):
    """Return a Lazy for a comprehension with a single loop over a sample of unknown length, else None."""
    if not isinstance(first, Sample) or first.code in context.facts.lengths:
        return None
    generator = node.generators[0]
    if len(node.generators) > 1 or generator.ifs:
        require_known_length(context)
    frame = context.frame
    names = dict(frame.names)

    def make(item):
        before, frame.names = frame.names, dict(names)
        context.frames.append(frame)
        try:
            with context.at(node):
                assign(context, generator.target, item)
                return context.evaluate(node.elt)
        finally:
            context.frames.pop()
            frame.names = before

    return lazily(context, first, make, kind)


def lazily(context, sample, make, kind):
    """Return a Lazy over a sample's items; for a list, exceptions of items are raised where the list is built."""
    samples.require(context, sample, frozenset(["list", "text", "object"]))
    item = context.code.name("s")
    with context.captured() as lines:
        try:
            made = make(Sample(item))
        except Raised:
            made = None
    is_number = made is None or isinstance(made, (Number, Label)) or (isinstance(made, Real) and made.other is None)
    if kind != "generator" and lines:
        context.code.lines_in(samples.loop_over(samples.cursor_over(context, sample), item), lines)
    return Lazy(sample.code, make, kind, is_number)


def _run(context, node, place, iterable, found):
    generator = node.generators[place]
    for item in iterated(context, iterable):
        assign(context, generator.target, item)
        if not all(_is_taken(context, condition) for condition in generator.ifs):
            continue
        if place + 1 < len(node.generators):
            _run(context, node, place + 1, context.evaluate(node.generators[place + 1].iter), found)
        elif isinstance(node, ast.DictComp):
            found.append((context.evaluate(node.key), escaping(context, node.value)))
        else:
            found.append(escaping(context, node.elt))


def _is_taken(context, node):
    condition = context.truth(node)
    if not condition.is_known:
        raise context.rejection(f"takes items with {short_text_of(node)}, which depends on the sample")
    return condition.code


def dict_comprehension(context, node):
    """Return {…: … for … in …} as a Record."""
    pairs = comprehended(context, node, "list")
    if isinstance(pairs, Lazy):
        raise context.rejection("creates a dict from the sample, whose length is unknown")
    fields: dict = {}
    for key, value in pairs.items:
        set_field(context, fields, key, value)
    return Record(fields)
