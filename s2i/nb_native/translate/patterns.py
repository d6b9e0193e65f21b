"""match statements, written as equivalent branches: constants, alternatives, captures and the wildcard."""

import ast

from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.translate import iteration

# Since Python 3.10.
MATCH = getattr(ast, "Match", ())


def as_branches(context, statement):
    """Return a match statement as branches, its subject evaluated. Raises Refusal for patterns that destructure."""
    subject = ast.copy_location(ast.Name(id=short_text_of(statement.subject), ctx=ast.Load()), statement.subject)
    if not isinstance(statement.subject, ast.Name):
        # Stored under its own source text, which is no valid name, so that messages show it.
        value = context.evaluate(statement.subject)
        iteration.assign(context, ast.Name(id=subject.id, ctx=ast.Store()), value)
    following: list = []
    for case in reversed(statement.cases):
        test, name = _test(context, case.pattern, subject)
        if case.guard is not None:
            if name is not None:
                raise context.rejection("has a case that binds a name and has a condition, which has no native form")
            test = ast.copy_location(ast.BoolOp(op=ast.And(), values=[test, case.guard]), case.guard)
        body = list(case.body)
        if name is not None:
            target = ast.copy_location(ast.Name(id=name, ctx=ast.Store()), case.pattern)
            body.insert(0, ast.copy_location(ast.Assign(targets=[target], value=subject), case.pattern))
        following = [ast.copy_location(ast.If(test=test, body=body, orelse=following), case.pattern)]
    return following


def _test(context, pattern, subject):
    """Return (an expression that is true if a pattern matches, the name that it binds or None)."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is None:
            return ast.copy_location(ast.Constant(value=True), pattern), pattern.name
        test, name = _test(context, pattern.pattern, subject)
        if name is None:
            return test, pattern.name
    if isinstance(pattern, ast.MatchOr):
        tests = [_test(context, part, subject) for part in pattern.patterns]
        if all(name is None for _, name in tests):
            parts = [test for test, _ in tests]
            return ast.copy_location(ast.BoolOp(op=ast.Or(), values=parts), pattern), None
    if isinstance(pattern, ast.MatchValue):
        return _compared(pattern, subject, ast.Eq(), pattern.value), None
    if isinstance(pattern, ast.MatchSingleton):
        constant = ast.copy_location(ast.Constant(value=pattern.value), pattern)
        return _compared(pattern, subject, ast.Is(), constant), None
    raise context.rejection("has a case that unpacks a value, which has no native form")


def _compared(pattern, subject, operation, value):
    return ast.copy_location(ast.Compare(left=subject, ops=[operation], comparators=[value]), pattern)
