"""Abstract evaluation of Python expressions: constants are computed at translation time, the rest becomes C."""

import ast

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate import choices, comprehensions, conditions, displays, iteration, lookups, operators
from nb_native.translate.conditions import Condition
from nb_native.translate.kinds import Closure, Torn
from nb_native.values import Known


def evaluate(context, node):
    """Return the value of an expression; raise Raised if Python always raises, Refusal if it isn't supported."""
    function = _EVALUATED.get(type(node))
    if function is None:
        with context.at(node):
            raise context.rejection(f"has {short_text_of(node)}, which has no native form")
    with context.at(node):
        return function(context, node)


def truth(context, node):
    """Return the Condition that an expression is true."""
    with context.at(node):
        if isinstance(node, ast.BoolOp):
            return choices.chain(context, node.values, isinstance(node.op, ast.And))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return context.truth(node.operand).negated()
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            found = operators.compared(context, node.ops[0], context.evaluate(node.left), node.comparators[0])
            return found if isinstance(found, Condition) else conditions.truth_of(context, found)
        if isinstance(node, ast.Compare):
            return operators.compare_chain(context, node, context.evaluate(node.left))
        if isinstance(node, ast.Call):
            found = context.call(node)
            return found if isinstance(found, Condition) else conditions.truth_of(context, found)
        return conditions.truth_of(context, context.evaluate(node))


def _constant(context, node):
    if isinstance(node.value, (complex, bytes)):
        raise context.rejection(f"has the constant {short_text_of(node)}, which has no native form")
    return Known(node.value)


def _name(context, node):
    frame = context.frame
    value = frame.look_up(node.id)
    if isinstance(value, Torn):
        raise context.rejection(f"reads {node.id}, which {value.reason}")
    if value is None or (node.id in frame.local_names and node.id not in frame.names):
        # NameError, or UnboundLocalError.
        context.fail()
    return value


def _named(context, node):
    value = displays.escaping(context, node.value)
    iteration.assign(context, node.target, value)
    return value


def _closure(context, node):
    return Closure(node, context.frame)


def _call(context, node):
    found = context.call(node)
    return found.value(context) if isinstance(found, Condition) else found


_EVALUATED = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.List: displays.list_display,
    ast.Tuple: displays.tuple_display,
    ast.Set: displays.set_display,
    ast.Dict: displays.dict_display,
    ast.JoinedStr: displays.joined_text,
    ast.Attribute: lookups.attribute,
    ast.Subscript: lookups.subscript,
    ast.BinOp: operators.binary_node,
    ast.UnaryOp: operators.unary,
    ast.Compare: operators.comparison,
    ast.BoolOp: choices.bool_op,
    ast.IfExp: choices.if_expression,
    ast.ListComp: comprehensions.list_comprehension,
    ast.GeneratorExp: lambda context, node: comprehensions.comprehended(context, node, "generator"),
    ast.DictComp: comprehensions.dict_comprehension,
    ast.Lambda: _closure,
    ast.Call: _call,
    ast.NamedExpr: _named,
}
