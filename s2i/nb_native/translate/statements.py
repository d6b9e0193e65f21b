"""Python statements: assignments, branches, unrolled loops, and early returns.

A body is a list of statements together with everything that follows them. If both arms of an `if` continue, and neither
can leave its body, they meet after it. If one can leave, each arm gets its own copy of the rest.
"""

import ast
from typing import NamedTuple

from nb_scorer.batching.syntax_nodes import index_of, short_text_of

from nb_native.translate import (
    arrays,
    attempts,
    choices,
    displays,
    expressions,
    flow,
    functions,
    iteration,
    merging,
    operators,
    patterns,
)
from nb_native.translate.context import Raised
from nb_native.translate.kinds import Closure
from nb_native.translate.merging import Way
from nb_native.values import Known, Record, Vector


class Round(NamedTuple):
    """The start of an unrolled iteration: its target gets an item."""

    target: object
    item: object
    node: object


class LoopEnd(NamedTuple):
    """The end of an unrolled iteration (the last one if `is_last`), where continue and break lead."""

    loop: object
    is_last: bool


class Returned(Exception):
    """A function has returned a value."""

    def __init__(self, value):
        """Store the value."""
        super().__init__()
        self.value = value


def run(context, statements, end):
    """Write statements, the last of which leaves the function; `end(value)` writes a return.

    Returns the result of `end`, or None if Python always raises.
    """
    statements = list(statements)
    while statements:
        statement = statements.pop(0)
        try:
            with context.at(getattr(statement, "node", None) or _node(context, statement)):
                if isinstance(statement, ast.Return) and isinstance(statement.value, ast.IfExp):
                    # The two arms may return different types.
                    statement = _as_branch(statement.value)
                if isinstance(statement, ast.Return):
                    return end(_returned(context, statement.value))
                if isinstance(statement, patterns.MATCH):
                    statements[:0] = patterns.as_branches(context, statement)
                    continue
                if isinstance(statement, ast.Try):
                    finished, result = attempts.write(context, statement, statements, end, run)
                    if finished:
                        return result
                    continue
                if isinstance(statement, ast.If):
                    finished, result = _if(context, statement, statements, end)
                    if finished:
                        return result
                    continue
                statements = _step(context, statement, statements)
        except Raised:
            return None
    return end(Known(None))


def _as_branch(node):
    """Return `return a if test else b` as an `if` with two returns."""
    ways: list = [[ast.copy_location(ast.Return(value=way), way)] for way in (node.body, node.orelse)]
    return ast.copy_location(ast.If(test=node.test, body=ways[0], orelse=ways[1]), node)


def _returned(context, node):
    """Return the returned value; for a validator's conditions, the Condition, which implies more facts."""
    if node is None:
        return Known(None)
    if context.name == "validator" and len(context.frames) == 1 and _is_truth(node):
        return context.truth(node)
    return context.evaluate(node)


def _is_truth(node):
    """Return whether an expression always evaluates to True or False."""
    if isinstance(node, ast.BoolOp):
        return all(map(_is_truth, node.values))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "all", "any", "bool")
    return isinstance(node, ast.Compare)


def _node(context, statement):
    return statement if isinstance(statement, ast.AST) else context.node


def _step(context, statement, rest):
    """Write a statement that isn't a branch; return the remaining statements."""
    if isinstance(statement, Round):
        iteration.assign(context, statement.target, statement.item)
        return rest
    if isinstance(statement, LoopEnd):
        return rest
    if isinstance(statement, ast.For):
        return _rounds(context, statement, rest)
    if isinstance(statement, (ast.Break, ast.Continue)):
        return _after_jump(statement, rest)
    written = _WRITTEN.get(type(statement))
    if written is None:
        raise context.rejection(f"has {_named(statement)}, which has no native form")
    written(context, statement)
    return rest


def _named(statement):
    names = {
        ast.While: "a while loop",
        ast.With: "with",
        ast.Delete: "del",
        ast.ClassDef: "a class",
        ast.Nonlocal: "nonlocal",
    }
    return names.get(type(statement), short_text_of(statement))


def _after_jump(statement, rest):
    """Return the statements after a break or a continue: those after its loop or its iteration."""
    rest = list(rest)
    while rest:
        after = rest.pop(0)
        if isinstance(after, LoopEnd):
            if after.is_last or isinstance(statement, ast.Continue):
                return rest
            return _behind(after.loop, rest)
    return rest


def _behind(loop, rest):
    rest = list(rest)
    while rest:
        after = rest.pop(0)
        if isinstance(after, LoopEnd) and after.loop is loop and after.is_last:
            return rest
    return rest


def _rounds(context, statement, rest):
    """Return the iterations of a for loop, each with its item, followed by the code after the loop."""
    leaves = any(isinstance(part, (ast.Break, ast.Return)) for part in ast.walk(statement))
    iterated = iteration.iterated_in_part if leaves else iteration.iterated
    items = iterated(context, context.evaluate(statement.iter))
    rounds = []
    for place, item in enumerate(items):
        rounds += [Round(statement.target, item, statement), *statement.body]
        if place + 1 < len(items):
            rounds.append(LoopEnd(statement, False))
    # break continues after `else`; continue in the last iteration continues before it.
    if statement.orelse and flow.contains(statement.body, (ast.Break,)):
        raise context.rejection("has a loop with break and else")
    if items:
        rounds.append(LoopEnd(statement, False))
    return [*rounds, *statement.orelse, LoopEnd(statement, True), *rest]


def _if(context, statement, rest, end):
    """Write an `if`; return (whether every path leaves the function, the result of `end`)."""
    condition = context.truth(statement.test)
    if condition.is_known:
        rest[:0] = statement.body if condition.code else statement.orelse
        return False, None
    code = choices.counted(context, statement.test, condition)
    if flow.always_ends(statement.body) and len(context.frames) == 1:
        # A predictor's predictions aren't merged: the rest continues here, however long the chain of such branches is.
        _first_way(context, code, condition, statement.body, end)
        rest[:0] = statement.orelse
        return False, None
    if flow.contains([*statement.body, *statement.orelse], flow.LEAVES):
        return True, _apart(context, code, condition, statement, rest, end)
    _together(context, code, condition, statement)
    return False, None


def _first_way(context, code, condition, body, end):
    """Write the arm of an `if` that leaves the function."""
    frame = context.frame
    before, shared = dict(frame.names), set(frame.shared)
    with context.captured() as lines:
        context.facts.learn(condition.if_true)
        run(context, body, end)
    frame.names, frame.shared = before, shared | frame.shared
    context.code.lines_in(f"if ({code})", lines)
    context.facts.learn(condition.if_false)


def _together(context, code, condition, statement):
    """Write an `if` whose arms meet after it, or raise."""
    frame = context.frame
    before, shared = dict(frame.names), set(frame.shared)
    outcomes = []
    for body, reported in ((statement.body, condition.if_true), (statement.orelse, condition.if_false)):
        frame.names, frame.shared = dict(before), set(shared)
        with context.captured() as lines:
            context.facts.learn(reported)
            goes_on = run(context, [*body, flow.Goes()], lambda value: True) if body else True
        outcomes.append((lines, frame.names, frame.shared, bool(goes_on)))
    (one, names, shared_one, one_goes_on), (other, other_names, shared_other, other_goes_on) = outcomes
    frame.shared = shared_one | shared_other
    if one_goes_on and other_goes_on:
        frame.names = merging.merged_names(
            lambda *ways: merging.meet(context, code, *ways), (one, names), (other, other_names)
        )
        return
    if not one_goes_on and not other_goes_on:
        context.code.lines_in(f"if ({code})", one)
        context.code.lines += other
        raise Raised
    if one_goes_on:
        context.code.lines_in(f"if (!({code}))", other)
        context.code.lines += one
        frame.names = names
        context.facts.learn(condition.if_true)
    else:
        context.code.lines_in(f"if ({code})", one)
        context.code.lines += other
        frame.names = other_names
        context.facts.learn(condition.if_false)


def _apart(context, code, condition, statement, rest, end):
    """Write an `if` with an arm that leaves the function: each arm reaches the function's end separately."""
    frame = context.frame
    before, shared = dict(frame.names), set(frame.shared)
    outcomes = []
    for body, reported in ((statement.body, condition.if_true), (statement.orelse, condition.if_false)):
        frame.names, frame.shared = dict(before), set(shared)
        following = body if flow.always_ends(body) else [*body, *rest]
        with context.captured() as lines:
            context.facts.learn(reported)
            result = run(context, following, end)
        outcomes.append((lines, result))
    (one, result), (other, other_result) = outcomes
    if result is None or other_result is None or result is flow.ENDED:
        # No values are merged, so the second arm needs no braces.
        first, second, head = (one, other, f"if ({code})")
        if result is not None and result is not flow.ENDED:
            first, second, head = (other, one, f"if (!({code}))")
        context.code.lines_in(head, first)
        context.code.lines += second
        return other_result if result is None else result
    return merging.meet(context, code, Way(one, (result,)), Way(other, (other_result,)))[0]


# --- statements ---


def _expression(context, statement):
    node = statement.value
    if isinstance(node, ast.Constant):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _changed(context, node):
        return
    context.evaluate(node)


def _changed(context, node):
    """Write a call that modifies a local list or dict; return whether the call is one."""
    name, owner = node.func.attr, node.func.value
    if not isinstance(owner, ast.Name) or name not in ("append", "extend", "update", "insert", "setdefault", "pop"):
        return False
    value = context.frame.names.get(owner.id)
    if isinstance(value, Vector) and value.kind == "list" and name in ("append", "extend") and len(node.args) == 1:
        _check_own(context, owner.id)
        if name == "append":
            added = (displays.escaping(context, node.args[0]),)
        else:
            added = tuple(iteration.iterated(context, context.evaluate(node.args[0])))
        context.frame.names[owner.id] = value._replace(items=value.items + added)
        return True
    if isinstance(value, Record) and name == "update" and len(node.args) <= 1:
        _check_own(context, owner.id)
        fields = dict(value.fields)
        for argument in node.args:
            given = context.evaluate(argument)
            if not isinstance(given, Record):
                raise context.rejection("updates a dict with a value that has no native form")
            fields.update(given.fields)
        for keyword in node.keywords:
            if keyword.arg is None:
                raise context.rejection("updates a dict with **")
            fields[keyword.arg] = displays.escaping(context, keyword.value)
        context.frame.names[owner.id] = Record(fields)
        return True
    known = value if value is not None else context.frame.look_up(owner.id)
    if isinstance(known, Known) and not isinstance(known.value, (str, tuple)):
        raise context.rejection(
            f"calls {short_text_of(node.func)}, which changes an object that keeps its value after the call"
        )
    return False


def _check_own(context, name):
    if name in context.frame.shared:
        raise context.rejection(f"changes {name}, which another variable refers to")


def _assignment(context, statement):
    value = displays.escaping(context, statement.value)
    arrays.check(context, value)
    for target in statement.targets:
        _store(context, target, value, statement.value)
        if len(statement.targets) > 1 and isinstance(target, ast.Name):
            context.frame.shared.add(target.id)


def _annotated(context, statement):
    if statement.value is not None:
        _store(context, statement.target, displays.escaping(context, statement.value), statement.value)


_FRESH = (ast.List, ast.ListComp, ast.Dict, ast.DictComp, ast.Constant, ast.BinOp, ast.Tuple)


def _store(context, target, value, node):
    if isinstance(target, ast.Subscript):
        _store_item(context, target, value)
        return
    if isinstance(target, ast.Attribute):
        raise context.rejection(f"writes {short_text_of(target)}, which keeps its value after the call")
    iteration.assign(context, target, value)
    is_fresh = isinstance(node, _FRESH) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "dict")
    )
    if isinstance(target, ast.Name) and isinstance(value, (Vector, Record)) and not is_fresh:
        context.frame.shared.add(target.id)


def _store_item(context, target, value):
    """Write name[key] = value for a local list or dict."""
    owner = target.value
    held = context.frame.names.get(owner.id) if isinstance(owner, ast.Name) else None
    if not isinstance(held, (Vector, Record)) or (isinstance(held, Vector) and held.kind != "list"):
        raise context.rejection(f"writes {short_text_of(target)}, which has no native form")
    _check_own(context, owner.id)
    key = context.evaluate(index_of(target))
    if isinstance(held, Record):
        fields = dict(held.fields)
        displays.set_field(context, fields, key, value)
        context.frame.names[owner.id] = Record(fields)
        return
    if not isinstance(key, Known) or type(key.value) is not int:
        raise context.rejection("writes an item whose index is not a constant")
    items = list(held.items)
    if not -len(items) <= key.value < len(items):
        context.fail()
    items[key.value] = value
    context.frame.names[owner.id] = held._replace(items=tuple(items))


def _augmented(context, statement):
    target = statement.target
    if isinstance(target, ast.Name):
        before = context.evaluate(ast.copy_location(ast.Name(id=target.id, ctx=ast.Load()), target))
    elif isinstance(target, ast.Subscript):
        before = expressions.evaluate(
            context, ast.copy_location(ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load()), target)
        )
    else:
        raise context.rejection(f"writes {short_text_of(target)}, which keeps its value after the call")
    value = context.evaluate(statement.value)
    if isinstance(before, Known) and isinstance(before.value, (list, dict, set)):
        raise context.rejection(f"writes {short_text_of(target)}, which keeps its value after the call")
    if isinstance(before, Vector):
        # Modified in place, so other references see the change.
        if not isinstance(target, ast.Name):
            raise context.rejection(f"writes {short_text_of(target)}, which has no native form")
        _check_own(context, target.id)
        if before.kind == "list":
            items = tuple(iteration.iterated(context, value))
            context.frame.names[target.id] = before._replace(items=before.items + items)
            return
        if before.kind == "array":
            raise context.rejection(f"writes {short_text_of(target)} in place, which has no native form")
    result = operators.binary(context, statement.op, before, value)
    if isinstance(target, ast.Name):
        iteration.assign(context, target, result)
    else:
        _store_item(context, target, result)


def _assert(context, statement):
    condition = context.truth(statement.test)
    if condition.is_known:
        if not condition.code:
            context.say(statement.msg)
            context.fail()
        return
    code = choices.counted(context, statement.test, condition)
    with context.captured() as lines:
        context.facts.learn(condition.if_false)
        try:
            context.say(statement.msg)
            context.fail()
        except Raised:
            pass
    context.code.lines_in(f"if (!{code})", lines)
    context.facts.learn(condition.if_true)


def _raise(context, statement):
    error = statement.exc
    named = error.func if isinstance(error, ast.Call) else error
    if isinstance(named, ast.Name):
        known = context.frame.look_up(named.id)
        if isinstance(known, Known) and _may_have_status(known.value):
            raise context.rejection(f"raises {named.id}, whose status has no native form")
    if isinstance(error, ast.Call) and len(error.args) == 1 and not error.keywords:
        context.say(error.args[0], error.func)
    context.fail()


def _may_have_status(error):
    """Return whether an exception, or its class, may choose the status of the response."""
    made_by = getattr(getattr(error, "__init__", None), "__code__", None)
    return hasattr(error, "status") or (made_by is not None and "status" in made_by.co_names)


def _import(context, statement):
    for alias in statement.names:
        value = functions.imported(statement, alias)
        if value is None:
            raise context.rejection(f"imports {alias.name}, which no cell has imported")
        name = alias.asname or alias.name.partition(".")[0]
        iteration.assign(context, ast.Name(id=name, ctx=ast.Store()), value)


def _definition(context, statement):
    if statement.decorator_list:
        raise context.rejection(f"has {statement.name} with a decorator")
    iteration.assign(context, ast.Name(id=statement.name, ctx=ast.Store()), Closure(statement, context.frame))


def _nothing(context, statement):
    """Write nothing, for pass and declarations."""


_WRITTEN = {
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _definition,
    ast.Pass: _nothing,
    ast.Global: _nothing,
}
