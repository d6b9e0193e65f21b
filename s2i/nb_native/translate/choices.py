"""Short-circuit evaluation: and, or, and conditional expressions."""

import ast

from nb_native.translate import conditions, merging
from nb_native.translate.conditions import Condition
from nb_native.translate.context import Raised
from nb_native.translate.displays import escaping
from nb_native.translate.kinds import Torn


def counted(context, node, condition):
    """Return the C code of a branch condition at `node`, with a branch counter for verification."""
    return context.branch(node, condition.code)


def chain(context, nodes, is_and):
    """Return the Condition of `a and b and …`, or of `or`; later operands are evaluated only if needed."""
    first = context.truth(nodes[0])
    for node in nodes[1:]:
        first = joined(context, first, is_and, lambda node=node: context.truth(node))
        if first.is_known and first.code is not is_and:
            return first
    return first


def joined(context, first, is_and, evaluated):
    """Combine a Condition with a second one, which `evaluated` returns and which runs only if the first requires it."""
    if first.is_known:
        return evaluated() if first.code is is_and else first
    lines, second = _way(context, evaluated, first.if_true if is_and else first.if_false)
    allows = first.code if is_and else f"!({first.code})"
    if second is None:
        # The second operand raises, so execution continues only with the first's other outcome.
        context.code.lines_in(f"if ({allows})", lines)
        context.facts.learn(first.if_false if is_and else first.if_true)
        return Condition(not is_and)
    join = conditions.both if is_and else conditions.either
    if not lines:
        return join(context, first, second)
    name = context.name_of("c", f"int {{}} = {int(not is_and)};")
    code = second.code if not second.is_known else int(second.code)
    with context.code.captured() as setting:
        context.code.line(f"{name} = {code};")
    context.code.lines_in(f"if ({allows})", [*lines, *setting])
    found = Condition(name)
    if is_and:
        found.if_true = conditions.merged_facts(first.if_true, second.if_true)
    else:
        found.if_false = conditions.merged_facts(first.if_false, second.if_false)
    return found


def _way(context, evaluated, facts):
    """Return (lines, value) of code that runs only if these `facts` hold; the value is None if it raises."""
    with context.captured() as lines:
        context.facts.learn(facts)
        try:
            value = evaluated()
        except Raised:
            value = None
    return lines, value


def bool_op(context, node):
    """Return the value of `a and b`, or of or, an ast.BoolOp."""
    return _value_of_chain(context, node.values, isinstance(node.op, ast.And))


def _value_of_chain(context, nodes, is_and):
    """Return the value of `a and b`: a if it decides, else b."""
    value = escaping(context, nodes[0])
    if len(nodes) == 1:
        return value
    condition = conditions.truth_of(context, value)
    if condition.is_known:
        return _value_of_chain(context, nodes[1:], is_and) if condition.code is is_and else value
    facts = condition.if_true if is_and else condition.if_false
    with context.at(nodes[0]):
        code = context.branch(nodes[0], condition.code if is_and else f"!({condition.code})")
    return either_way(
        context,
        code,
        lambda: _value_of_chain(context, nodes[1:], is_and),
        lambda: value,
        facts,
        condition.if_false if is_and else condition.if_true,
    )


def if_expression(context, node):
    """Return the value of `a if test else b`."""
    condition = context.truth(node.test)
    if condition.is_known:
        return escaping(context, node.body if condition.code else node.orelse)
    code = counted(context, node.test, condition)
    return either_way(
        context,
        code,
        lambda: escaping(context, node.body),
        lambda: escaping(context, node.orelse),
        condition.if_true,
        condition.if_false,
    )


def either_way(context, code, one, other, if_true, if_false):
    """Return the value of one of two functions, chosen by a C condition; `facts` is what each outcome implies."""
    ways = []
    for evaluated, facts in ((one, if_true), (other, if_false)):
        lines, value = _way(context, evaluated, facts)
        ways.append(merging.Way(lines, (value,)))
    if ways[0].values == (None,) and ways[1].values == (None,):
        context.fail()
    if ways[0].values == (None,) or ways[1].values == (None,):
        raises, goes_on = ways if ways[0].values == (None,) else ways[::-1]
        is_first = raises is ways[0]
        context.code.lines_in(f"if ({code})" if is_first else f"if (!({code}))", raises.lines)
        context.code.lines += goes_on.lines
        context.facts.learn(if_false if is_first else if_true)
        return goes_on.values[0]
    value = merging.meet(context, code, *ways)[0]
    if isinstance(value, Torn):
        raise context.rejection(f"has a value that {value.reason}")
    return value
