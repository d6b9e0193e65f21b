"""Notebook functions: the function behind the service's wrappers, its syntax tree, and its name bindings."""

import ast
import builtins
import functools
import inspect
import os
import sys
import sysconfig
import types

from nb_scorer.batching import function_source
from nb_scorer.batching.syntax_nodes import UNKNOWN, literal
from nb_scorer.model import binary, conversion
from nb_scorer.model.calls import Call, CallByName

from nb_native.refusal import Refusal
from nb_native.values import Known

_LIBRARIES = tuple(
    os.path.join(sysconfig.get_paths()[name], "") for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


class Frame:
    """A function under evaluation: `names` are its variables, `outer` is where other names are looked up."""

    def __init__(self, function, tree, outer=None):
        """Create a frame without variables. `outer` is the Frame of the enclosing function."""
        self.function = function
        self.tree = tree
        self.outer = outer
        self.names = {}
        self.name = "function" if isinstance(tree, ast.Lambda) else getattr(tree, "name", function.__name__)
        self.declared = function_source.names_declared(tree)
        # Lists and dicts with more than one name, because a change through one name is visible through the others.
        self.shared = set()
        self.local_names = _names_bound(tree) - self.declared

    def look_up(self, name):
        """Return the value of `name`, or None if it is undefined."""
        frame = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.outer
        function = self.function
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            if free == name:
                try:
                    return Known(cell.cell_contents)
                except ValueError:
                    return None
        for scope in (function.__globals__, vars(builtins)):
            if name in scope:
                return Known(scope[name])
        return None

    def constants_in(self, node):
        """Return the numbers and text in an expression, including the values of its names."""
        found = []
        for part in ast.walk(node):
            value = part.value if isinstance(part, ast.Constant) else UNKNOWN
            if isinstance(part, ast.Name):
                known = self.look_up(part.id)
                value = known.value if isinstance(known, Known) else UNKNOWN
            if isinstance(part, ast.UnaryOp):
                value = literal(part)
            if isinstance(value, (int, float, str)) and not isinstance(value, bool):
                found.append(value)
        return tuple(found)


def _names_bound(tree):
    """Return the names that a function assigns, without those of nested functions and comprehensions."""
    arguments = tree.args
    parameters = [*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs]
    names = {parameter.arg for parameter in parameters}
    scopes = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    left = list(tree.body) if isinstance(tree.body, list) else [tree.body]
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif sys.version_info >= (3, 10) and isinstance(node, ast.MatchAs):
            names.update([node.name] if node.name else [])
            left += ast.iter_child_nodes(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif not isinstance(node, scopes):
            left += ast.iter_child_nodes(node)
    return names


def unwrapped(function, name):
    """Return (the notebook's function, {parameter: whether it is required} if an object's keys become arguments).

    The second is None if the function takes the sample as it is. Raises Refusal for type hints that convert a sample.
    """
    if type(function) is CallByName:
        fields = function.read.fields
        if (
            function.read.kind is not dict
            or function.read.is_open
            or any(_converts(read) for read, _ in fields.values())
        ):
            raise _unsupported(
                f"{name} reads its arguments by type hints, which have no native form", function.function
            )
        return function.function, {field: needed for field, (_, needed) in fields.items()}
    if isinstance(function, Call) and (function.parameters or function.takes_headers):
        given = ", ".join([*function.parameters, *["headers"] * function.takes_headers])
        raise _unsupported(
            f"{name} has arguments that a request sets, which have no native form: {given}", function.function
        )
    if isinstance(function, Call) and function.keyword is not None:
        raise _unsupported(f"{name} accepts its sample only by name, which has no native form", function.function)
    if isinstance(function, Call) and _converts(function.read):
        raise _unsupported(f"{name} reads its sample by a type hint, which has no native form", function.function)
    return function.function if isinstance(function, Call) else function, None


def _converts(read):
    """Return whether a reader converts the sample; a list counts as the array that a type hint asks for."""
    return read is not None and conversion.files_in(read) != (binary.ARRAY, False)


def _unsupported(reason, function):
    code = getattr(inspect.unwrap(function), "__code__", None)
    return Refusal(reason, code and code.co_filename, code and code.co_firstlineno)


def definition_of(function, called):
    """Return (plain function, its tree, bound leading arguments); raise Refusal with `called` in its message."""
    bound: tuple = ()
    if isinstance(function, functools.partial):
        if function.keywords:
            raise Refusal(f"{called} is a partial with keywords")
        bound, function = function.args, function.func
    if isinstance(function, types.MethodType):
        bound, function = (function.__self__, *bound), function.__func__
    if not isinstance(function, types.FunctionType):
        raise Refusal(f"{called} is not a function written in Python")
    if hasattr(function, "__wrapped__"):
        raise Refusal(f"{called} has a decorator", function.__code__.co_filename, function.__code__.co_firstlineno)
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise Refusal(f"{called} is a generator or async", function.__code__.co_filename, None)
    try:
        return function, function_source.tree_of(function), bound
    except function_source.SourceUnreadable:
        place = function.__code__.co_filename, function.__code__.co_firstlineno
        raise Refusal(f"the source of {called} can't be read", *place) from None


def is_of_author(function):
    """Return whether a function is defined in the notebook or its repository, not in a library."""
    if isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and not os.path.abspath(code.co_filename).startswith(_LIBRARIES)


def imported(node, alias):
    """Return what an import binds as Known, or None if the module was never imported."""
    if isinstance(node, ast.Import):
        module = sys.modules.get(alias.name if alias.asname else alias.name.partition(".")[0])
        return None if module is None else Known(module)
    module = None if node.level else sys.modules.get(node.module)
    if module is None or not hasattr(module, alias.name):
        return None
    return Known(getattr(module, alias.name))


def bind(frame, arguments, keywords):
    """Bind the parameters of a frame's function; return the error that Python would raise, or None.

    `arguments` and `keywords` are values; `defaults` are those of the function, or UNKNOWN for a closure.
    """
    args = frame.tree.args
    if args.vararg or args.kwarg:
        return "takes any number of arguments"
    positional = [parameter.arg for parameter in [*getattr(args, "posonlyargs", []), *args.args]]
    if len(arguments) > len(positional):
        return "gets too many arguments"
    values = dict(zip(positional, arguments))
    allowed = {parameter.arg for parameter in [*args.args, *args.kwonlyargs]}
    for name, value in keywords.items():
        if name in values or name not in allowed:
            return f"is given {name} twice, or does not know it"
        values[name] = value
    for name, default in _defaults(frame, positional).items():
        values.setdefault(name, default)
    missing = [name for name in [*positional, *(parameter.arg for parameter in args.kwonlyargs)] if name not in values]
    if missing:
        return f"is not given {missing[0]}"
    frame.names.update(values)
    return None


def _defaults(frame, positional):
    function = frame.function
    if frame.outer is not None:
        # Nested functions: only what the syntax tree shows.
        args = frame.tree.args
        pairs = [*zip(positional[len(positional) - len(args.defaults) :], args.defaults)]
        pairs += [(parameter.arg, node) for parameter, node in zip(args.kwonlyargs, args.kw_defaults) if node]
        written = {name: literal(node) for name, node in pairs}
        return {name: Known(value) for name, value in written.items() if value is not UNKNOWN}
    defaults = function.__defaults__ or ()
    values = dict(zip(positional[len(positional) - len(defaults) :], defaults))
    values.update(function.__kwdefaults__ or {})
    return {name: Known(value) for name, value in values.items()}
