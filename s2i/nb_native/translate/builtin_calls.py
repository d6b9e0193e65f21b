"""Python's built-in functions: which part of the translation writes each."""

import ast

from nb_native.translate import (
    comprehensions,
    conditions,
    conversions,
    displays,
    iteration,
    labels,
    math_calls,
    operators,
    reductions,
)
from nb_native.translate.arguments import given, only
from nb_native.translate.conditions import Condition
from nb_native.translate.kinds import Closure, Lazy, TypeOf
from nb_native.values import Known, Label, Record, Sample, Vector


def _range(context, node):
    values = [context.evaluate(argument) for argument in node.args]
    if not all(isinstance(value, Known) for value in values):
        raise context.rejection("loops over a range that depends on the sample")
    return Known(labels.raised(context, range, *[value.value for value in values]))


def _enumerate(context, node):
    value, start = given(context, node, "iterable", "start")
    first = 0 if start is None else start.value
    pairs = [
        Vector((Known(place), item), "tuple") for place, item in enumerate(iteration.iterated(context, value), first)
    ]
    return Vector(tuple(pairs), "generator", getattr(value, "may_raise", False))


def _zip(context, node):
    if node.keywords:
        raise context.rejection("calls zip with keywords")
    values = displays.items_of_display(context, node.args)
    columns = [iteration.iterated(context, value) for value in values]
    if len(set(map(len, columns))) > 1:
        columns = [iteration.iterated_in_part(context, value) for value in values]
    may_raise = any(getattr(value, "may_raise", False) for value in values)
    return Vector(tuple(Vector(tuple(items), "tuple") for items in zip(*columns)), "generator", may_raise)


def _reversed(context, node):
    return Vector(tuple(iteration.iterated(context, only(context, node))[::-1]), "generator")


def _list(context, node, kind="list"):
    if not node.args:
        return Vector((), kind)
    value = only(context, node)
    if isinstance(value, Sample) and value.code not in context.facts.lengths:
        return comprehensions.lazily(context, value, lambda item: item, kind)
    if isinstance(value, Lazy):
        return comprehensions.lazily(context, Sample(value.code), value.make, kind)
    if isinstance(value, Known) and not isinstance(value.value, range):
        made = list if kind == "list" else tuple
        items = labels.raised(context, made, value.value)
        return Vector(tuple(map(Known, items)), kind)
    return Vector(tuple(iteration.iterated(context, value)), kind)


def _dict(context, node):
    fields = {}
    if node.args:
        value = only(context, ast.copy_location(ast.Call(func=node.func, args=node.args, keywords=[]), node))
        copied = displays.fields_of(value)
        if copied is not None:
            fields.update(copied)
        else:
            if isinstance(value, Sample):
                raise context.rejection("copies the sample into a dict")
            for pair in iteration.iterated(context, value):
                items = iteration.iterated(context, pair)
                if len(items) != 2:
                    context.fail()
                displays.set_field(context, fields, *items)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise context.rejection("makes a dict with **")
        fields[keyword.arg] = displays.escaping(context, keyword.value)
    return Record(fields)


def _of_constants(function):
    """Return a function that is evaluated at translation time, if all its arguments are known."""

    def done(context, node):
        values = [context.evaluate(argument) for argument in node.args]
        values = [
            Known([item.value for item in value.items])
            if isinstance(value, Vector) and all(isinstance(item, Known) for item in value.items)
            else value
            for value in values
        ]
        if node.keywords or not all(isinstance(value, (Known, Label)) for value in values):
            raise context.rejection(f"calls {function.__name__} with values that are not constants")
        return labels.mapped(context, function, *values)

    return done


def _all(context, node):
    return _all_or_any(context, node, is_all=True)


def _any(context, node):
    return _all_or_any(context, node, is_all=False)


def _all_or_any(context, node, is_all):
    argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name):
        called = context.frame.look_up(argument.func.id)
        if isinstance(called, Known) and called.value is map:
            # It consumes items from map one at a time and stops at the one that decides.
            value, make = _mapped(context, argument)
            return reductions.all_of_mapped(context, value, make, is_all)
    return reductions.all_or_any(context, node, is_all)


def _mapped(context, node):
    """Return the iterable passed to map(…), and the function that computes an item of the result."""
    if len(node.args) != 2 or node.keywords:
        raise context.rejection("calls map with several sequences")
    called = context.evaluate(node.args[0])
    return context.evaluate(node.args[1]), lambda item: applied(context, called, item)


def _map(context, node):
    value, make = _mapped(context, node)
    if isinstance(value, Sample) and value.code not in context.facts.lengths:
        return comprehensions.lazily(context, value, make, "generator")
    items = iteration.iterated(context, value)
    before = len(context.code.lines)
    made = tuple(make(item) for item in items)
    return Vector(made, "generator", len(context.code.lines) > before or getattr(value, "may_raise", False))


def applied(context, called, value):
    """Return called(value)."""
    if isinstance(called, Closure):
        return context.inline_closure(called, [value], {}, text="a lambda")
    function = UNARY.get(called.value) if isinstance(called, Known) else None
    if function is not None:
        found = function(context, value)
        return found.value(context) if isinstance(found, Condition) else found
    if isinstance(called, Known):
        return context.inline(called.value, [value], {}, text=getattr(called.value, "__name__", "a function"))
    raise context.rejection("calls a function that depends on the sample")


def _is_instance(context, node):
    value, classes = given(context, node, "value", "classes", needed=2)
    if not isinstance(classes, Known):
        raise context.rejection("checks for a type that depends on the sample")
    return conditions.is_instance(context, value, classes.value)


def _type(context, node):
    value = only(context, node)
    return Known(type(value.value)) if isinstance(value, Known) else TypeOf(value)


def _print(context, node):
    raise context.rejection("calls print, which has no native form")


UNARY = {
    float: conversions.as_float,
    int: conversions.as_int,
    bool: conversions.as_bool,
    str: conversions.as_text,
    abs: conversions.absolute,
    len: conversions.length,
    round: conversions.rounded,
    **math_calls.UNARY,
}


def _of_one(function):
    return lambda context, node: function(context, only(context, node))


FUNCTIONS = {
    **{called: _of_one(function) for called, function in UNARY.items()},
    round: lambda context, node: conversions.rounded(
        context, *[value for value in given(context, node, "number", "ndigits") if value is not None]
    ),
    max: lambda context, node: reductions.extreme(context, node, ">"),
    min: lambda context, node: reductions.extreme(context, node, "<"),
    sum: reductions.total,
    all: _all,
    any: _any,
    isinstance: _is_instance,
    type: _type,
    range: _range,
    enumerate: _enumerate,
    zip: _zip,
    reversed: _reversed,
    map: _map,
    list: _list,
    tuple: lambda context, node: _list(context, node, "tuple"),
    dict: _dict,
    set: _of_constants(set),
    frozenset: _of_constants(frozenset),
    sorted: _of_constants(sorted),
    repr: _of_constants(repr),
    print: _print,
    pow: lambda context, node: operators.binary(context, ast.Pow(), *given(context, node, "base", "exp", needed=2)),
    **math_calls.FUNCTIONS,
}
