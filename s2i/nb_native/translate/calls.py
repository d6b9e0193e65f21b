"""Calls: estimator methods, built-in functions and methods, math and numpy functions, and the author's helpers."""

import ast
import types

import numpy as np
from nb_scorer.batching import known_calls
from nb_scorer.batching.syntax_nodes import UNKNOWN, short_text_of

from nb_native.translate import (
    arrays,
    builtin_calls,
    conversions,
    displays,
    functions,
    labels,
    lookups,
    numpy_calls,
    samples,
)
from nb_native.translate.displays import escaping
from nb_native.translate.kinds import FLOAT, Closure, Lazy, Matrix, Real
from nb_native.values import Known, Label, Record, Sample, Vector

# Methods of constants without side effects.
_PURE_METHODS = {
    dict: {"get", "items", "keys", "values", "copy"},
    list: {"index", "count", "copy"},
    tuple: {"index", "count"},
    str: {
        "upper",
        "lower",
        "title",
        "capitalize",
        "strip",
        "lstrip",
        "rstrip",
        "format",
        "join",
        "split",
        "replace",
        "startswith",
        "endswith",
        "zfill",
        "count",
        "find",
        "isdigit",
        "casefold",
        "swapcase",
    },
    set: {"union", "intersection", "difference", "issubset", "issuperset"},
    frozenset: {"union", "intersection", "difference", "issubset", "issuperset"},
    np.ndarray: {
        "tolist",
        "item",
        "argmax",
        "argmin",
        "max",
        "min",
        "sum",
        "mean",
        "reshape",
        "ravel",
        "flatten",
        "astype",
        "copy",
    },
    np.generic: {"item", "tolist", "astype"},
    float: {"is_integer"},
}
DEEPEST = 20


def call(context, node):
    """Return the result of a call: a value, or a Condition if the call has one."""
    function = node.func
    text = short_text_of(function)
    if isinstance(function, ast.Attribute):
        owner = context.evaluate(function.value)
        if not isinstance(owner, Known):
            return _method(context, node, owner)
        if isinstance(owner.value, types.ModuleType):
            called = lookups.attribute_of(context, owner, function.attr)
        else:
            return _method_of_known(context, node, owner.value)
    else:
        called = context.evaluate(function)
    if isinstance(called, Closure):
        return _closure(context, node, called)
    if not isinstance(called, Known):
        raise context.rejection(f"calls {text}, which depends on the sample")
    return _known(context, node, called.value, text)


def arguments_of(context, node):
    """Return (positional argument values, {keyword: value}) of a call."""
    positional = displays.items_of_display(context, node.args)
    keywords = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise context.rejection(f"calls {short_text_of(node.func)} with **")
        keywords[keyword.arg] = escaping(context, keyword.value)
    return positional, keywords


def _known(context, node, called, text):
    """Return the result of calling a known object."""
    try:
        written = builtin_calls.FUNCTIONS.get(called) or numpy_calls.FUNCTIONS.get(called)
    except TypeError:
        # Unhashable.
        written = None
    if written is not None:
        return written(context, node)
    if _is_class(called, "DataFrame", "pandas"):
        return _table(context, node)
    if _is_class(called, "DMatrix", "xgboost"):
        positional, keywords = arguments_of(context, node)
        if len(positional) != 1 or set(keywords) - {"feature_names"}:
            raise context.rejection(f"calls {text} with arguments that have no native form")
        if "feature_names" in keywords:
            return arrays.table(context, positional[0], keywords["feature_names"])
        return arrays.array(context, positional[0])
    if isinstance(called, type):
        raise context.rejection(f"makes a {called.__name__}, which has no native form")
    if functions.is_of_author(called):
        return context.inline(called, *arguments_of(context, node), text=text)
    own = getattr(type(called), "__call__", None)  # noqa: B004 - the method itself is wanted
    if isinstance(own, types.FunctionType) and functions.is_of_author(own):
        return context.inline(types.MethodType(own, called), *arguments_of(context, node), text=text)
    raise context.rejection(f"calls {text}, which has no native form")


def _is_class(called, name, package):
    return isinstance(called, type) and called.__name__ == name and known_calls.top_package(called) == package


def _table(context, node):
    positional, keywords = arguments_of(context, node)
    if len(positional) != 1 or set(keywords) - {"columns"}:
        raise context.rejection("creates a table with arguments that have no native form")
    return arrays.table(context, positional[0], keywords.get("columns"))


def _closure(context, node, closure):
    return context.inline_closure(closure, *arguments_of(context, node), text=short_text_of(node.func))


# --- methods ---


def _method_of_known(context, node, owner):
    """Return the result of calling a method of a known object."""
    name = node.func.attr
    text = short_text_of(node.func)
    method = labels.raised(context, getattr, owner, name)
    own = getattr(method, "__func__", None)
    if isinstance(own, types.FunctionType) and functions.is_of_author(own):
        return context.inline(method, *arguments_of(context, node), text=text)
    if isinstance(method, types.FunctionType) and functions.is_of_author(method):
        return context.inline(method, *arguments_of(context, node), text=text)
    pure = next((names for kind, names in _PURE_METHODS.items() if isinstance(owner, kind)), None)
    if pure is not None:
        if name not in pure:
            raise context.rejection(f"calls {text}, which has no native form")
        return _pure(context, node, owner, method)
    if name in known_calls.METHODS:
        positional, keywords = arguments_of(context, node)
        data = [*positional, *(keywords.pop(key) for key in ("X", "data") if key in keywords)]
        if len(data) != 1 or keywords:
            raise context.rejection(f"calls {text} with arguments that have no native form")
        return arrays.asked(context, owner, name, data[0])
    if name == "get" or isinstance(method, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        raise context.rejection(f"calls {text}, which has no native form")
    return _known(context, node, method, text)


def _pure(context, node, owner, method):
    """Return the result of a method of a constant, evaluated at translation time if its arguments are known."""
    positional, keywords = arguments_of(context, node)
    if isinstance(owner, dict) and node.func.attr == "get" and not isinstance(positional[0], (Known, Label)):
        default = positional[1] if len(positional) > 1 else Known(None)
        return lookups.looked_up(context, owner, positional[0], default)
    if isinstance(owner, (list, tuple)) and node.func.attr == "index" and len(positional) == 1 and not keywords:
        if isinstance(positional[0], (Sample, Real)):
            return lookups.found_among(context, list(owner), list(range(len(owner))), positional[0])
    values = [labels.constant_of(value) for value in [*positional, *keywords.values()]]
    if UNKNOWN in values:
        raise context.rejection(f"calls {short_text_of(node.func)} with values that are not constants")
    names = list(keywords)

    def called(*given):
        count = len(positional)
        result = method(*given[:count], **dict(zip(names, given[count:])))
        return list(result) if node.func.attr in ("items", "keys", "values") else result

    return labels.mapped(context, called, *values) if values else Known(labels.raised(context, called))


def _method(context, node, owner):
    """Return the result of calling a method of a value that depends on the sample."""
    name = node.func.attr
    if isinstance(owner, Label):
        return _method_of_label(context, node, owner)
    if isinstance(owner, Sample):
        return _method_of_sample(context, node, owner)
    if isinstance(owner, Record):
        return _method_of_record(context, node, owner)
    if isinstance(owner, (Real, Vector, Matrix, Lazy)):
        function = numpy_calls.METHODS.get(name)
        if function is not None and (not isinstance(owner, Vector) or owner.kind == "array"):
            return function(context, node, owner)
        if isinstance(owner, Vector) and owner.kind in ("list", "tuple") and name in ("index", "count"):
            raise context.rejection(f"calls {short_text_of(node.func)}, which depends on the sample")
        if isinstance(owner, Real) and name == "is_integer" and owner.form == FLOAT:
            return conversions.is_integer(owner)
    raise context.rejection(f"calls {short_text_of(node.func)}, which has no native form")


def _method_of_label(context, node, owner):
    name = node.func.attr
    kinds = {next((kind for kind in _PURE_METHODS if isinstance(item, kind)), None) for item in owner.table}
    if None in kinds or not all(name in _PURE_METHODS[kind] for kind in kinds):
        raise context.rejection(f"calls {short_text_of(node.func)}, which has no native form")
    positional, keywords = arguments_of(context, node)
    values = [labels.constant_of(value) for value in positional]
    if UNKNOWN in values or keywords:
        raise context.rejection(f"calls {short_text_of(node.func)} with values that are not constants")
    return labels.mapped(context, lambda item, *given: getattr(item, name)(*given), owner, *values)


def _method_of_sample(context, node, owner):
    name = node.func.attr
    if name == "get":
        samples.require(context, owner, frozenset(["object"]))
        positional, keywords = arguments_of(context, node)
        if keywords or not 1 <= len(positional) <= 2:
            context.fail()
        key = positional[0]
        if not isinstance(key, Known) or not isinstance(key.value, str):
            raise context.rejection("looks up a key or index of the sample that is not a constant")
        default = positional[1] if len(positional) == 2 else Known(None)
        default = labels.constant_of(default) if not isinstance(default, Record) or default.fields else Known({})
        if default is UNKNOWN or not isinstance(default, Known):
            raise context.rejection("uses a default that depends on the sample")
        return samples.field_or(context, owner, key.value, default.value)
    if name in ("keys", "values", "items"):
        raise context.rejection(f"calls {short_text_of(node.func)}: the keys of a sample are unknown")
    changes = name in known_calls.CHANGES or name in ("sort", "reverse")
    raise context.rejection(f"{'changes' if changes else 'calls'} {short_text_of(node.func)}, which has no native form")


def _method_of_record(context, node, owner):
    name = node.func.attr
    if name in ("keys", "values", "items") and not node.args:
        pairs = {
            "keys": [Known(key) for key in owner.fields],
            "values": list(owner.fields.values()),
            "items": [Vector((Known(key), value), "tuple") for key, value in owner.fields.items()],
        }
        return Vector(tuple(pairs[name]), "list")
    if name == "get":
        positional, _ = arguments_of(context, node)
        key = positional[0]
        if isinstance(key, Known):
            labels.raised(context, hash, key.value)
            default = positional[1] if len(positional) > 1 else Known(None)
            return owner.fields.get(key.value, default)
        constant = lookups.constant_dict(owner)
        if constant is not None and isinstance(key, Label):
            return labels.mapped(context, constant.get, key, *positional[1:])
        if constant is not None:
            default = positional[1] if len(positional) > 1 else Known(None)
            return lookups.looked_up(context, constant, key, default)
    raise context.rejection(f"calls {short_text_of(node.func)}, which has no native form")
