"""Inlining: the author's functions are written where they are called."""

import ast

from nb_native.refusal import Refusal
from nb_native.translate import functions, iteration, statements
from nb_native.translate.context import Raised
from nb_native.translate.functions import Frame
from nb_native.translate.kinds import Torn
from nb_native.values import Known, Record, Vector

DEEPEST = 20


def inline(context, called, positional, keywords, text):
    """Return the result of calling one of the author's functions."""
    try:
        function, tree, bound = functions.definition_of(called, text)
    except Refusal as rejection:
        raise context.rejection(f"calls {rejection.reason}") from rejection
    if not functions.is_of_author(function):
        raise context.rejection(f"calls {text}, which has no native form")
    frame = Frame(function, tree)
    return _run(context, frame, [*map(Known, bound), *positional], keywords, text)


def inline_closure(context, closure, positional, keywords, text):
    """Return the result of calling a nested function."""
    frame = Frame(closure.frame.function, closure.node, closure.frame)
    return _run(context, frame, positional, keywords, text)


def _run(context, frame, positional, keywords, text):
    if len(context.frames) > DEEPEST:
        raise context.rejection(f"calls {text} more than {DEEPEST} calls deep")
    wrong = functions.bind(frame, positional, keywords)
    if wrong is not None:
        raise context.rejection(f"calls {text}, which {wrong}")
    for value in frame.names.values():
        iteration.reject_generator(context, value)
    # The caller also has this list, so it would see changes by the function.
    frame.shared.update(name for name, value in frame.names.items() if isinstance(value, (Vector, Record)))
    body = frame.tree.body if isinstance(frame.tree.body, list) else None
    if body is None:
        body = [ast.copy_location(ast.Return(value=frame.tree.body), frame.tree.body)]
    context.frames.append(frame)
    before = context.node
    try:
        value = statements.run(context, body, lambda result: result)
    finally:
        context.frames.pop()
        context.node = before
    if value is None:
        # Every path raises, and the code that raises is already written.
        raise Raised
    if isinstance(value, Torn):
        raise context.rejection(f"calls {text}, whose value {value.reason}")
    return value
