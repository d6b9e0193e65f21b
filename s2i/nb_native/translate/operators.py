"""Operators on numbers, lists and arrays, and comparisons of two or more."""

import ast
import operator
from typing import Any

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate import arrays, conditions, labels, numbers, samples
from nb_native.translate.choices import joined
from nb_native.translate.conditions import Condition
from nb_native.translate.iteration import MAX_ITEMS, reject_generator
from nb_native.translate.kinds import FLOAT, FLOAT32, NUMPY, Matrix
from nb_native.translate.lookups import shape_of
from nb_native.values import Known, Label, Record, Sample, Vector

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}

_UNARY = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}


def binary_node(context, node):
    """Return the value of an ast.BinOp."""
    return binary(context, node.op, context.evaluate(node.left), context.evaluate(node.right))


def binary(context, operation, left, right):
    """Return `left operation right`."""
    if isinstance(left, (Known, Label)) and isinstance(right, (Known, Label)):
        return labels.mapped(context, _OPERATORS[type(operation)], left, right)
    left, right = (arrays.written_out(context, value) for value in (left, right))
    if any(_is_array(value) for value in (left, right)):
        return _on_arrays(context, operation, left, right)
    if isinstance(left, Vector) or isinstance(right, Vector):
        return _on_lists(context, operation, left, right)
    if not all(isinstance(value, Sample) or numbers.is_number(value) for value in (left, right)):
        _fail_or_reject(context, operation, left, right)
    return numbers.binary(context, operation, left, right)


def _on_lists(context, operation, left, right):
    """Return the concatenation of two lists, or a list repeated."""
    if isinstance(operation, ast.Add):
        pair = [_as_vector(context, value) if isinstance(value, Known) else value for value in (left, right)]
        if all(isinstance(value, (Vector, Sample)) for value in pair):
            return _joined_lists(context, *pair)
    if isinstance(operation, ast.Mult) and isinstance(left, Vector) and isinstance(right, Known):
        if type(right.value) is int and right.value * len(left.items) <= MAX_ITEMS:
            return left._replace(items=left.items * right.value)
    raise context.rejection("computes with a value that is not a number")


def _fail_or_reject(context, operation, left, right):
    """Handle non-number operands: Python raises for None and dicts, and concatenates or formats text."""
    for value in (left, right):
        if (isinstance(value, Known) and value.value is None) or (
            isinstance(value, Record) and not isinstance(operation, ast.BitOr)
        ):
            context.fail()
    texts = [value for value in (left, right) if isinstance(value, Known) and isinstance(value.value, str)]
    if texts and isinstance(operation, (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow)):
        context.fail()
    if texts:
        raise context.rejection("creates a string from a part of the sample")
    raise context.rejection("computes with a value that is not a number")


def _as_vector(context, value):
    """Return a constant list or tuple as a Vector."""
    if isinstance(value, Known) and isinstance(value.value, (list, tuple)):
        return Vector(tuple(map(Known, value.value)), type(value.value).__name__)
    raise context.rejection("adds a value that is not a list to a list")


def _joined_lists(context, left, right):
    parts = []
    for value in (left, right):
        if isinstance(value, Sample):
            samples.require(context, value, frozenset(["list"]))
            length = context.facts.lengths.get(value.code)
            if length is None:
                raise context.rejection("joins the sample, whose length is unknown, with a list; check len() first")
            parts.append(Vector(tuple(samples.items(context, value, length)), "list"))
        else:
            reject_generator(context, value)
            parts.append(value)
    if parts[0].kind != parts[1].kind:
        context.fail()
    return Vector(parts[0].items + parts[1].items, parts[0].kind)


def _is_array(value):
    return isinstance(value, Vector) and value.kind == "array"


def _on_arrays(context, operation, left, right):
    """Return an elementwise operation on numpy arrays; a scalar is combined with each item."""
    left, right = (
        arrays.array(context, value) if isinstance(value, (Vector, Known)) and not numbers.is_number(value) else value
        for value in (left, right)
    )
    if isinstance(operation, ast.MatMult):
        return inner_product(context, left, right)
    if isinstance(left, Matrix) or isinstance(right, Matrix):
        raise context.rejection("computes with an array of the sample of unknown length")
    shapes = [shape_of(value) if _is_array(value) else () for value in (left, right)]
    if len(shapes[0]) == len(shapes[1]) and shapes[0] != shapes[1] and 1 not in (len(left.items), len(right.items)):
        context.fail()
    if _is_array(left) and _is_array(right):
        if shapes[0] == shapes[1]:
            pairs: Any = zip(left.items, right.items)
        elif len(shapes[0]) == 2 and shapes[1] == shapes[0][1:]:
            pairs = ((item, right) for item in left.items)
        elif len(shapes[1]) == 2 and shapes[0] == shapes[1][1:]:
            pairs = ((left, item) for item in right.items)
        else:
            raise context.rejection("computes with arrays of different shapes")
    elif _is_array(left):
        pairs = ((item, right) for item in left.items)
    else:
        pairs = ((left, item) for item in right.items)
    return Vector(tuple(_of_pair(context, operation, *pair) for pair in pairs), "array")


def inner_product(context, left, right):
    """Return `left @ right` of two rows, at least one of them floats.

    The last digit may differ: the order of BLAS additions depends on the machine.
    """
    rows = []
    for value in (left, right):
        if not _is_array(value) or any(not numbers.is_number(item) for item in value.items):
            raise context.rejection("multiplies matrices, or an array of the sample of unknown length")
        rows.append([numbers.real_of(context, item) for item in value.items])
    if len(rows[0]) != len(rows[1]):
        context.fail()
    one, other = rows
    is_float = any(row and all(real.form == FLOAT for real in row) for row in rows)
    if not is_float or any(real.form == FLOAT32 or real.other for real in one + other):
        raise context.rejection("multiplies arrays none of which is float64; set dtype=float")
    products = [f"{numbers.double_of(first)} * {numbers.double_of(second)}" for first, second in zip(one, other)]
    return numbers.float_of(context, " + ".join(products), NUMPY)


def _of_pair(context, operation, left, right):
    if _is_array(left) or _is_array(right):
        return _on_arrays(context, operation, left, right)
    if isinstance(left, Sample) or isinstance(right, Sample):
        sample = left if isinstance(left, Sample) else right
        if samples.types_of(context, sample) & {"list"}:
            raise context.rejection("computes with an array and a value that may be a list; convert it with float()")
    if not all(isinstance(value, Sample) or numbers.is_number(value) for value in (left, right)):
        raise context.rejection("computes with an array of values other than numbers")
    if all(isinstance(value, Known) for value in (left, right)):
        return labels.mapped(context, _OPERATORS[type(operation)], left, right)
    return numbers.binary(context, operation, left, right, in_array=True)


def unary(context, node):
    """Return the value of `-value`, `+value`, `~value` or `not value`."""
    if isinstance(node.op, ast.Not):
        return context.truth(node).value(context)
    value = context.evaluate(node.operand)
    if isinstance(value, (Known, Label)):
        return labels.mapped(context, _UNARY[type(node.op)], value)
    value = arrays.written_out(context, value)
    if isinstance(node.op, ast.Invert):
        raise context.rejection(f"has {short_text_of(node)}, which has no native form")
    if not isinstance(value, Sample) and not numbers.is_number(value) and not _is_array(value):
        context.fail()
    return _signed(context, node.op, value)


def _signed(context, operation, value):
    """Return -value or +value; for an array, elementwise."""
    if _is_array(value):
        return value._replace(items=tuple(_signed(context, operation, item) for item in value.items))
    return numbers.unary(context, operation, value)


def comparison(context, node):
    """Return the value of an ast.Compare: a truth value, or for an array a Vector of them."""
    left = context.evaluate(node.left)
    if len(node.ops) == 1:
        found = compared(context, node.ops[0], left, node.comparators[0])
        return found.value(context) if isinstance(found, Condition) else found
    return compare_chain(context, node, left).value(context)


def compare_chain(context, node, left):
    """Return the Condition of a < b < c; c is evaluated only if a < b."""
    pairs = list(zip(node.ops, node.comparators))

    def from_(place, left):
        operation, right_node = pairs[place]
        right = context.evaluate(right_node)
        found = conditions.compared(context, operation, left, right)
        if isinstance(found, Vector):
            found = conditions.truth_of(context, found)
        if place + 1 == len(pairs):
            return found
        return joined(context, found, True, lambda: from_(place + 1, right))

    return from_(0, left)


def compared(context, operation, left, right_node):
    """Return the Condition of one comparison, or the Vector for an array; evaluates the right side."""
    return conditions.compared(context, operation, left, context.evaluate(right_node))
