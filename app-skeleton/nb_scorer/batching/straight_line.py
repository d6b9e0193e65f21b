"""The stages of a straight-line predictor: from one call of a model to the next, for all samples of a batch at once.

Most predictors are one expression around a call, such as `model.predict([x])[0]`. For these, a generator per sample
(see rewrite) costs more than the sample's share of the call. If the code between the stops has no side effects, so that
the number and order of its executions don't matter, it runs as one comprehension over all samples:

    def stage_1(rows):
        return (1, model.predict, False), [[x] for (x,) in rows]

    def stage_2(rows):
        return None, [result_1[0] for (x, result_1) in rows]

A stage returns the facts that all of its stops share, followed by the data of each.

The code must use only plain values (literals, JSON values, results of models, constants of the notebook), operators,
and calls that are known to change nothing. Any other predictor has no stages. A sample for which a stage raises is
repeated as a generator, which raises at the author's own line.
"""

import ast
import copy
from typing import Any

from nb_scorer.batching import known_calls
from nb_scorer.batching import syntax_nodes as nodes
from nb_scorer.batching.syntax_nodes import UNKNOWN

# Sample types whose parts can't contain code of the author, either.
PLAIN = frozenset([type(None), bool, int, float, str, list, dict])
# Limits the total size, because each use of a local name is replaced by its expression.
MAX_NODES = 1000
# Larger constants are not checked, and don't count as plain.
MAX_IN_A_CONSTANT, DEEPEST_CONSTANT = 10000, 4
_SCALARS = frozenset([type(None), bool, int, float, complex, str, bytes])
_CONTAINERS = frozenset([list, tuple, set, frozenset])
# Attributes of results that can be read without side effects.
_ATTRIBUTES = frozenset(["T", "columns", "iloc", "loc", "shape", "size", "values"])
# Names instead of classes, because literals had separate nodes before 3.8, and indexes before 3.9.
_PLAIN_NODES = frozenset(
    ["BinOp", "Dict", "FormattedValue", "JoinedStr", "List", "Set", "Slice", "Subscript", "Tuple", "UnaryOp"]
) | frozenset(["Bytes", "Constant", "ExtSlice", "Index", "NameConstant", "Num", "Str"])
# The parts of these nodes that are always evaluated come first, as a list; the others follow.
_CONDITIONS = {
    "BoolOp": lambda node: [node.values[:1], *node.values[1:]],
    "Compare": lambda node: [[node.left, node.comparators[0]], *node.comparators[1:]],
    "IfExp": lambda node: [[node.test], node.body, node.orelse],
}
_LOOPS = frozenset(["ListComp", "SetComp", "DictComp", "GeneratorExp"])


class NotStraight(Exception):
    """The function is not a straight line of plain expressions."""


class Names(object):
    """The meaning of the names in a function, for its rewriter."""

    def __init__(self, resolve, is_own, named, built_later):
        """Store `resolve(node)`, which returns a live value or UNKNOWN, and `is_own(value)`, for the author's objects.

        `named(name)` returns a similar, unused name; `built_later` is the name of nb_scorer.batching.deferred.Later in
        the function, or None.
        """
        self.resolve = resolve
        self.is_own = is_own
        self.named = named
        self.built_later = built_later


def stages_of(generator, names):
    """Return the definitions of all stages in order.

    `generator` is the definition of a generator with stops. Its last parameter is the sample; those before it are
    parameters of each stage, followed by `rows`: an iterable of (sample, result of the first stop, ...). A stage
    returns ((number, function, stays_joined), [data, ...]) for stops with one argument, otherwise (None, [stop, ...]);
    the last one returns (None, [prediction, ...]). Raises NotStraight.
    """
    return _Line(generator, names).stages()


class _Line(object):
    """Converts one function to stages."""

    def __init__(self, generator, names):
        parameters = generator.args
        others = getattr(parameters, "posonlyargs", []), parameters.vararg, parameters.kwarg, parameters.kwonlyargs
        if any(others) or parameters.defaults or not parameters.args:
            raise NotStraight
        self._generator = generator
        self._names = names
        self._first = [parameter.arg for parameter in parameters.args[:-1]]
        self._sample = parameters.args[-1].arg
        self._values: dict = {}  # the expression for each local name
        self._bindings = 0
        self._in_loops: list = []  # names bound by enclosing comprehensions
        self._is_once = True  # whether the current expression is evaluated exactly once per sample
        self._stops: list = []
        self._results: list = []  # names of the stops' results

    def stages(self):
        """Return the definitions; see stages_of."""
        answer = None
        for statement in self._generator.body:
            if answer is not None:
                raise NotStraight
            if isinstance(statement, ast.Expr) and nodes.literal(statement.value) is not UNKNOWN:
                # A docstring.
                continue
            if isinstance(statement, ast.Return) and statement.value is not None:
                answer = self._taken(statement.value)
            else:
                self._bind(statement)
        if answer is None:
            raise NotStraight
        made = [*self._stops, answer]
        self._see_that_nothing_is_made_twice(made)
        rows = self._names.named("rows")
        return [self._stage(number, rows, value) for number, value in enumerate(made)]

    def _bind(self, statement):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        is_binding = isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None
        if not is_binding or len(targets) != 1 or not isinstance(targets[0], ast.Name):
            raise NotStraight
        value = self._taken(statement.value)
        if sum(1 for _ in ast.walk(value)) > MAX_NODES:
            raise NotStraight
        if not isinstance(value, ast.Name):
            # Marks the expression, so that its copies show which assignment they come from.
            value = copy.copy(value)
            value.bound_by = self._bindings
            self._bindings += 1
        self._values[targets[0].id] = value

    @staticmethod
    def _see_that_nothing_is_made_twice(made):
        """Raise NotStraight if a model gets an object that is used again, because the model may have changed it."""
        uses: dict = {}
        for number, value in enumerate(made):
            for node in ast.walk(value):
                if hasattr(node, "bound_by"):
                    uses.setdefault(node.bound_by, []).append(number)
        last = len(made) - 1
        if any(len(numbers) > 1 and min(numbers) < last for numbers in uses.values()):
            raise NotStraight

    def _stage(self, number, rows, made):
        columns = "".join(name + ", " for name in [self._sample, *self._results[:number]])
        parameters = ", ".join([*self._first, rows])
        text = "def {}({}):\n    return None, [0 for ({}) in {}]".format(
            self._names.named("stage_{}".format(number + 1)), parameters, columns, rows
        )
        function: Any = nodes.parsed(text, self._generator)
        alike, each = function.body[0].value.elts
        each.elt = made
        if number < len(self._stops):
            place, called, arguments, keywords, stays_joined = made.elts
            if len(arguments.elts) == 1 and not keywords.keys:
                alike = ast.Tuple(elts=[place, called, stays_joined], ctx=ast.Load())
                each.elt = arguments.elts[0]
        function.body[0].value.elts = [nodes.placed_at(self._generator, alike), each]
        return ast.fix_missing_locations(function)

    # --- expressions: each is returned as it stands in a stage, or NotStraight is raised ---

    def _taken(self, node):
        kind = type(node).__name__
        if kind in _PLAIN_NODES:
            return self._parts(node)
        if kind in _CONDITIONS:
            return self._condition(node)
        if kind in _LOOPS:
            return self._loop(node)
        take = {"Yield": self._stop, "Name": self._name, "Call": self._call, "Attribute": self._attribute}.get(kind)
        if take is None:
            raise NotStraight
        return take(node)

    def _condition(self, node):
        """Convert an expression of which only the first parts are always evaluated."""
        first, *others = _CONDITIONS[type(node).__name__](node)
        made = copy.copy(node)
        before = self._is_once
        taken = [self._taken(part) for part in first]
        self._is_once = False
        taken += [self._taken(part) for part in others]
        self._is_once = before
        if isinstance(node, ast.IfExp):
            made.test, made.body, made.orelse = taken
        elif isinstance(node, ast.BoolOp):
            made.values = taken
        else:
            made.left, *made.comparators = taken
        return made

    def _parts(self, node):
        """Return a copy of `node` with all its expressions converted."""
        made = copy.copy(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(made, field, [self._part(part) for part in value])
            else:
                setattr(made, field, self._part(value))
        return made

    def _part(self, value):
        if isinstance(value, ast.expr) or type(value).__name__ in _PLAIN_NODES:
            return self._taken(value)
        return value

    def _stop(self, node):
        if not self._is_once or self._in_loops:
            raise NotStraight
        number, function, arguments, keywords, stays_joined = node.value.elts
        if self._names.resolve(function) is UNKNOWN or not self._is_plain_way(function):
            raise NotStraight
        parts = [number, function, self._taken(arguments), self._taken(keywords), stays_joined]
        self._stops.append(ast.copy_location(ast.Tuple(elts=parts, ctx=ast.Load()), node))
        self._results.append(self._names.named("result_{}".format(len(self._stops))))
        return nodes.placed_at(node, nodes.load(self._results[-1]))

    def _is_plain_way(self, node):
        """Return whether no attribute on the way to a model's method is computed by the author's code."""
        while isinstance(node, ast.Attribute):
            owner = self._names.resolve(node.value)
            kind = type(owner)
            is_stored = node.attr in getattr(owner, "__dict__", ()) and not hasattr(kind, node.attr)
            is_looked_up = "__getattribute__" not in {name for base in kind.__mro__[:-1] for name in vars(base)}
            if self._names.is_own(kind) and not (is_stored and is_looked_up):
                return False
            node = node.value
        return isinstance(node, ast.Name)

    def _name(self, node):
        name = node.id
        if name in self._in_loops:
            return node
        if name in self._values:
            return copy.deepcopy(self._values[name])
        if name == self._sample:
            return node
        if not _is_constant(self._names.resolve(node)):
            raise NotStraight
        return node

    def _call(self, node):
        function = node.func
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            raise NotStraight
        if isinstance(function, ast.Name) and function.id == self._names.built_later:
            # It builds a library's object, and its name was resolved when the call became a deferred one.
            made = copy.copy(node)
            made.args = [node.args[0], *[self._taken(argument) for argument in node.args[1:]]]
            return made
        made = copy.copy(node)
        called = self._names.resolve(function)
        if isinstance(function, ast.Attribute) and called is UNKNOWN and function.attr in known_calls.LOOKS:
            made.func = copy.copy(function)
            made.func.value = self._taken(function.value)
        elif not _changes_nothing(called):
            raise NotStraight
        made.args = [self._taken(argument) for argument in node.args]
        made.keywords = [
            ast.copy_location(ast.keyword(arg=keyword.arg, value=self._keyword(keyword)), keyword.value)
            for keyword in node.keywords
        ]
        return made

    def _keyword(self, keyword):
        if keyword.arg is None:
            raise NotStraight
        return self._taken(keyword.value)

    def _attribute(self, node):
        value = self._names.resolve(node)
        if value is not UNKNOWN:
            if not self._is_plain_way(node) or not (_is_constant(value) or _changes_nothing(value)):
                raise NotStraight
            return node
        if node.attr not in _ATTRIBUTES:
            raise NotStraight
        return self._parts(node)

    def _loop(self, node):
        bound = [part.id for generator in node.generators for part in ast.walk(generator.target) if hasattr(part, "id")]
        # Inside a loop, a name in a substituted expression could be captured by the loop's variable.
        others = {self._sample, *self._values, *self._first}
        spelled = {part.id for value in self._values.values() for part in ast.walk(value) if isinstance(part, ast.Name)}
        if not (others | spelled).isdisjoint(bound) or any(generator.is_async for generator in node.generators):
            raise NotStraight
        self._in_loops += bound
        before, self._is_once = self._is_once, False
        made = self._parts(node)
        made.generators = [self._generator_of(generator) for generator in node.generators]
        self._is_once = before
        del self._in_loops[len(self._in_loops) - len(bound) :]
        return made

    def _generator_of(self, node):
        if not all(isinstance(part, (ast.Name, ast.Tuple, ast.expr_context)) for part in ast.walk(node.target)):
            raise NotStraight
        made = copy.copy(node)
        made.iter = self._taken(node.iter)
        made.ifs = [self._taken(condition) for condition in node.ifs]
        return made


def _is_constant(value, depth=0):
    """Return whether a notebook's value is plain: reading it runs no code of the author's."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind in _CONTAINERS or kind is dict:
        if len(value) > MAX_IN_A_CONSTANT or depth > DEEPEST_CONSTANT:
            return False
        parts = [*value, *value.values()] if kind is dict else value
        return all(_is_constant(part, depth + 1) for part in parts)
    if known_calls.top_package(kind) != "numpy" or not hasattr(value, "dtype"):
        return False
    return value.dtype.kind in "biufcSU"


def _changes_nothing(called):
    """Return whether calling this live function with plain values runs no other code and has no side effects."""
    if any(called is function for function in known_calls.PLAIN_FUNCTIONS):
        return True
    is_of_numpy = known_calls.top_package(called) == "numpy"
    return is_of_numpy and getattr(called, "__name__", None) in known_calls.PLAIN_FUNCTIONS_OF_NUMPY
