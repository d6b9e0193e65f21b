"""try and except: inside `try`, C code jumps to the handler where it would otherwise return a failure.

The C code knows that Python raises, but not which exception. So a handler must catch every exception that its `try`
body may raise.
"""

import ast
import re

from nb_scorer.batching.syntax_nodes import index_of

from nb_native.translate import flow, labels, merging
from nb_native.translate.context import Raised
from nb_native.translate.kinds import Torn
from nb_native.translate.merging import Way
from nb_native.values import Known

_ALL = frozenset([BaseException])
_OF_CONVERSIONS = {float: frozenset([ValueError, TypeError]), int: frozenset([ValueError, TypeError, OverflowError])}
_RETURNED = re.compile(r"return (NB_FAILED|f\d+|\w+\.failed);")


def handler_of(context, statement):
    """Return the only handler of a try statement; raise Refusal for other forms, or if it might miss an exception."""
    if len(statement.handlers) != 1 or statement.orelse or statement.finalbody:
        raise context.rejection(
            "has a try statement with more than one except, else or finally, which has no native form"
        )
    handler = statement.handlers[0]
    if handler.name is not None and _reads(handler.body, handler.name):
        raise context.rejection(f"uses {handler.name}, an exception, which has no native form")
    caught = _classes(context, handler)
    raised = frozenset().union(*[_raised_by(context, part) for part in statement.body])
    left = sorted(kind.__name__ for kind in raised if not issubclass(kind, caught))
    if left:
        what = "other exceptions" if raised >= _ALL else " and ".join(left)
        raise context.rejection(f"has an except that does not catch {what}: except Exception does")
    return handler


def _reads(body, name):
    return any(isinstance(node, ast.Name) and node.id == name for part in body for node in ast.walk(part))


def _classes(context, handler):
    """Return the exception classes that a handler catches; Exception means all that a notebook can raise."""
    if handler.type is None:
        return (BaseException,)
    known = labels.constant_of(context.evaluate(handler.type))
    classes = known.value if isinstance(known, Known) else ()
    classes = classes if isinstance(classes, tuple) else (classes,)
    if not classes or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in classes):
        raise context.rejection("has an except with an unknown exception")
    return (BaseException,) if Exception in classes else classes


def _raised_by(context, node):
    """Return the exceptions that a statement or expression may raise; BaseException if unknown."""
    if isinstance(node, (ast.Assign, ast.Return, ast.Expr)):
        targets = getattr(node, "targets", [])
        if node.value is None or not all(isinstance(target, ast.Name) for target in targets):
            return _ALL
        return _raised_by(context, node.value)
    if isinstance(node, (ast.Constant, ast.Name)):
        return frozenset()
    if isinstance(node, ast.Subscript) and isinstance(index_of(node), ast.Constant):
        # Keys may be missing from an object, and indexes from a list; nothing else supports subscripts.
        key = index_of(node).value
        kinds = [KeyError, TypeError] if isinstance(key, str) else [KeyError, IndexError, TypeError]
        return frozenset(kinds) | _raised_by(context, node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        known = context.frame.look_up(node.func.id)
        own = _OF_CONVERSIONS.get(known.value) if isinstance(known, Known) and isinstance(known.value, type) else None
        if own is not None:
            return own | _raised_by(context, node.args[0])
    return _ALL


def write(context, statement, rest, end, run):
    """Write a try statement; return (whether every path leaves the function, the result of `end`).

    `run`, `rest` and `end` are those of the module `statements`.
    """
    handler = handler_of(context, statement)
    body, returned = _without_return(statement.body)
    if flow.contains(body, flow.LEAVES):
        raise context.rejection("leaves a try statement in a branch, which has no native form")
    if returned is not None or flow.always_ends(handler.body) or flow.contains(handler.body, flow.LEAVES):
        following = handler.body if flow.always_ends(handler.body) else [*handler.body, *rest]
        return True, _apart(context, (body, [returned] if returned else rest, following), end, run)
    _together(context, body, handler.body, run)
    return False, None


def _without_return(body):
    """Return (statements, a return of their stored value, or None), so that `return` itself is outside the try."""
    last = body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        return body, None
    # A space keeps this name distinct from the notebook's own.
    kept = ast.copy_location(ast.Name(id="what is returned", ctx=ast.Store()), last)
    assigned = ast.copy_location(ast.Assign(targets=[kept], value=last.value), last)
    read = ast.copy_location(ast.Name(id=kept.id, ctx=ast.Load()), last)
    return [*body[:-1], assigned], ast.copy_location(ast.Return(value=read), last)


def _tried(context, body, label, run):
    """Write the body of `try`; return (whether execution may continue after it, whether it may fail)."""
    with context.code.captured() as lines:
        goes_on = run(context, [*body, flow.Goes()], lambda value: True)
    redirected = [_redirected(line, label) for line in lines]
    context.code.lines += redirected
    return bool(goes_on), redirected != lines


def _redirected(line, label):
    """Return a line of C that jumps to a label instead of returning a failure; other statuses still return."""
    returned = _RETURNED.search(line)
    if returned is None:
        return line
    status = returned[1]
    jump = f"goto {label};"
    if status != "NB_FAILED":
        jump = f"{{ if ({status} == NB_FAILED) goto {label}; return {status}; }}"
    return line[: returned.start()] + jump + line[returned.end() :]


def _apart(context, parts, end, run):
    """Write a try statement with a path that leaves the function: each path reaches the function's end separately."""
    body, behind, following = parts
    frame = context.frame
    before, shared = dict(frame.names), set(frame.shared)
    label = context.code.name("caught")
    result = None
    with context.captured() as one:
        goes_on, may_fail = _tried(context, body, label, run)
        names = dict(frame.names)
        if goes_on:
            result = run(context, behind, end)
        names_at_end = frame.names
    if not may_fail:
        context.code.lines += one
        return result
    frame.names, frame.shared = _names_after(before, names, body), shared | frame.shared
    with context.captured() as other:
        other_result = run(context, following, end)
    if other_result is None:
        # If the handler raises inside an outer `try`, the rest of the function's body still runs.
        frame.names = names_at_end
    if _is_value(result) and _is_value(other_result):
        result = merging.settled(context, Way(one, (result,)), Way(other, (other_result,)))[0]
    context.code.lines += one
    _handled(context, label, other, falls_through=_is_value(result))
    return result if result is not None else other_result


def _is_value(result):
    return result is not None and result is not flow.ENDED


def _together(context, body, handler, run):
    """Write a try statement whose paths all meet after it, or raise."""
    frame = context.frame
    before, shared = dict(frame.names), set(frame.shared)
    label = context.code.name("caught")
    with context.captured() as one:
        goes_on, may_fail = _tried(context, body, label, run)
    names = frame.names
    if not may_fail:
        context.code.lines += one
        return
    frame.names, frame.shared = _names_after(before, names, body), shared | frame.shared
    with context.captured() as other:
        other_goes_on = run(context, [*handler, flow.Goes()], lambda value: True)
    if goes_on and other_goes_on:
        frame.names = merging.merged_names(
            lambda *ways: merging.settled(context, *ways), (one, names), (other, frame.names)
        )
    elif goes_on:
        frame.names = names
    context.code.lines += one
    _handled(context, label, other, falls_through=goes_on)
    if not goes_on and not other_goes_on:
        raise Raised


def _names_after(before, after, body):
    """Return the names visible to the handler: earlier ones; names assigned by several statements may be unset."""
    if len(body) == 1 and _sets_at_its_end(body[0]):
        return before
    changed = {name for name in after if before.get(name) is not after[name]}
    return {**before, **{name: Torn("may have no value yet") for name in changed}}


def _sets_at_its_end(statement):
    """Return whether a statement that raises has not yet assigned any of its names."""
    is_plain = isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr))
    parts = (ast.Tuple, ast.List) if isinstance(statement, ast.Assign) else ()
    targets = getattr(statement, "targets", [])
    return is_plain and not any(
        isinstance(node, ast.NamedExpr) or (isinstance(node, parts) and node in targets) for node in ast.walk(statement)
    )


def _handled(context, label, lines, falls_through):
    """Write the code at a jump's target; code before it that continues is the only other way in."""
    if falls_through:
        context.code.line("if (0) {")
    context.code.line(f"{label}:;")
    if context.name == "validator":
        # The message of an exception that is never shown.
        context.code.line("*reason = (nb_text){0};")
    context.code.lines += lines
    if falls_through:
        context.code.line("}")
