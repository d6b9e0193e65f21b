"""Derives the batch form of a one-sample function: a generator that pauses where a model is called.

The function's syntax tree is rewritten: each call of an estimator's method becomes a `yield` of that call, and each
call of the author's functions that leads to one becomes a `yield from`. The code between the stops runs unchanged, once
per sample, in its order. Side effects beyond the sample are rejected here, with their line, because they would become
visible with several samples in progress. Whether rows may share a call is decided at run time
(nb_scorer.batching.joining), and verification decides whether their predictions are the same.
"""

import __future__

import ast
import builtins
import collections
import inspect
import io
import sys
import types
import warnings
from typing import Any

from nb_scorer.batching import function_source, joining, known_calls, straight_line
from nb_scorer.batching import syntax_nodes as nodes
from nb_scorer.batching.steps import COMPREHENSION, OUTER, Steps, code_named
from nb_scorer.batching.syntax_nodes import UNKNOWN

CALLS_NO_MODEL = "it calls no model method, such as predict or transform"
# The file name that Python gives the code of a %%time cell.
TIMED = "<timed exec>"
CALLS_IN_AN_INNER_FUNCTION = "it calls a model only inside a lambda or an inner function; a loop would do"


class Underivable(Exception):
    """A function has no batch form; `reason` is the cause, `file` and `line` its location, if there is a single one."""

    def __init__(self, reason, file=None, line=None):
        super(Underivable, self).__init__(reason)
        self.reason = reason
        self.file = file
        self.line = line


class Derived(object):
    """The result of deriving one function: its Steps, its readable source, and the texts of the calls at its stops.

    Calls that may or may not be a model's are listed only if the function has no call that certainly is.
    """

    def __init__(self, steps, source, stages, called, may_be_called, receiver):
        self.steps = steps
        self.source = source
        self.stages = stages  # their source
        self.called = called
        self.may_be_called = may_be_called
        self.receiver = receiver

    @property
    def stops(self):
        """Return the texts of the calls at the stops."""
        return self.called or self.may_be_called


def derive(function, is_own, modules=None):
    """Return Derived for `function`, a plain function or a method; raise Underivable.

    `is_own` returns whether the notebook or its repository defines a function or class: only these are followed.
    Everything is read from the live objects at the time the model is saved. `modules`, {name: module}, resolves imports
    within a function; the default is sys.modules.
    """
    return _Deriver(is_own, sys.modules if modules is None else modules).derive(function)


class _Deriver(object):
    """Derives a function and those that it calls, each once."""

    def __init__(self, is_own, modules):
        self.is_own = is_own
        self.modules = modules
        self._results = {}

    def derive(self, function):
        key = (getattr(function, "__func__", function), id(getattr(function, "__self__", None)))
        if key not in self._results:
            self._results[key] = Underivable("{} calls itself".format(_name_of(function)))
            try:
                self._results[key] = self._derive(function)
            except Underivable as reason:
                self._results[key] = reason
        result = self._results[key]
        if isinstance(result, Underivable):
            raise result
        return result

    def _derive(self, function):
        receiver = getattr(function, "__self__", None)
        plain = getattr(function, "__func__", function)
        wrapped = getattr(plain, "__wrapped__", None)
        plain = wrapped or plain
        if not isinstance(plain, types.FunctionType):
            raise Underivable("{} is not a plain function written in Python".format(_name_of(function)))
        try:
            node = function_source.tree_of(plain)
        except function_source.SourceUnreadable:
            reason = "the source of {} can't be read".format(_name_of(function))
            if plain.__code__.co_filename == TIMED:
                reason += "; %%time hides it: define the function in a cell without"
            raise Underivable(reason)
        rewriter = _Rewriter(plain, receiver, self)
        rewriter.names_of_outer = function_source.names_declared(node)
        rewriter.note_imports(node)
        rewriter.find_unseen(node)
        body = []
        for statement in node.body if isinstance(node.body, list) else [nodes.returning(node.body)]:
            rewritten = rewriter.visit(statement)
            body += rewritten if isinstance(rewritten, list) else [rewritten]
        if not rewriter.stops:
            inner = _inner_call_of_model(node)
            reason = CALLS_IN_AN_INNER_FUNCTION if inner else CALLS_NO_MODEL
            raise Underivable(reason, *function_source.place_of(plain, inner or node))
        if function_source.is_generator(plain):
            raise Underivable("{} is a generator".format(plain.__name__), *function_source.place_of(plain, node))
        decorators = getattr(node, "decorator_list", [])
        if wrapped is not None:
            text = ", ".join(nodes.short_text_of(decorator) for decorator in decorators) or "a decorator"
            reason = "{} runs inside {}, which would treat a whole batch as one call".format(plain.__name__, text)
            if len(decorators) != 1:
                raise Underivable(reason, *function_source.place_of(plain, node))
            rewriter.lift(decorators[0], reason)
        return self._made(plain, receiver, node, rewriter, body)

    def _made(self, plain, receiver, node, rewriter, body):
        generator = nodes.definition(plain.__name__, nodes.without_values(node.args), rewriter.loops + body)
        stages = []
        if rewriter.reads_as_global(generator.name, generator):
            # Within OUTER, the name would refer to the generator.
            generator.body.insert(0, ast.copy_location(ast.Global(names=[generator.name]), node))
        else:
            stages = rewriter.stages_of(generator)
        ast.copy_location(generator, node)
        template: Any = ast.parse("def f(): pass").body[0]
        outer_arguments = template.args
        names = list(plain.__code__.co_freevars) + list(rewriter.extras)
        outer_arguments.args = [ast.arg(arg=name, annotation=None) for name in names]
        outer = nodes.definition(OUTER, outer_arguments, [generator, *stages])
        ast.copy_location(outer, node)
        module = ast.parse("")
        module.body = [outer]
        ast.fix_missing_locations(module)
        # Compiled under its own file name and lines, so that tracebacks show the author's text. In Python 3.6, a
        # StopIteration from the author's code would end the generator like a return.
        flags = __future__.generator_stop.compiler_flag
        with warnings.catch_warnings():
            # The kernel reported them when it compiled the author's cell.
            warnings.simplefilter("ignore", SyntaxWarning)
            compiled = compile(module, plain.__code__.co_filename, "exec", flags, True)
        code, *codes = [code_named(compiled, made.name) for made in (generator, *stages)]
        steps = Steps(plain, code, rewriter.extras, rewriter.contexts, tuple(codes))
        source = [*rewriter.sources, nodes.text_of(generator)]
        texts = list(map(nodes.text_of, stages))
        return Derived(steps, source, texts, rewriter.called, rewriter.may_be_called, receiver)


class _Rewriter(ast.NodeTransformer):
    """Rewrites the body of one function."""

    def __init__(self, function, receiver, deriver):
        self.function = function
        self.deriver = deriver
        self.stops = 0
        self.called = []  # texts of the calls at the stops
        self.may_be_called = []  # texts of calls that may or may not be a model's
        self.sources = []  # sources of the derived functions that it calls
        self.contexts = []
        self.extras = {}  # further free variables of the generator
        self.loops = []  # functions made from comprehensions
        self.names_of_outer = set()  # global and nonlocal
        self._were_lazy = set()  # list comprehensions that the author wrote as generators
        self._may_be_set = set()
        self._unseen = set()  # calls whose results only a model reads
        code = function.__code__
        self._taken = _names_in(code)
        self._local = set(code.co_varnames) | set(code.co_cellvars)
        self._names = dict(vars(builtins))
        self._names.update(function.__globals__)
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            try:
                self._names[name] = cell.cell_contents
            except ValueError:
                # Not bound yet.
                continue
        self._self = None
        if receiver is not None and code.co_varnames:
            self._self = code.co_varnames[0]
            self._names[self._self] = receiver

    # --- resolving names ---

    def note_imports(self, tree):
        """Resolve names of modules and functions that the function imports itself."""
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        bound = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        for node in imports:
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                value = _imported(node, alias, self.deriver.modules)
                if value is not UNKNOWN and name in self._local and name not in bound:
                    self._local.discard(name)
                    self._names[name] = value

    def reads_as_global(self, name, tree):
        """Return whether `name` in `tree` refers to a global of the function."""
        is_read = any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
        return is_read and name not in self._local and name not in self.function.__code__.co_freevars

    def stages_of(self, generator):
        """Return the definitions of this function's stages, given its generator; empty if it has none."""
        later = next((name for name, value in self.extras.items() if value is joining.Later), None)
        names = straight_line.Names(self._resolve, self.deriver.is_own, self._named, later)
        try:
            return straight_line.stages_of(generator, names)
        except straight_line.NotStraight:
            return []

    def _named(self, name):
        """Return `name`, made longer if the author uses it already."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _extra(self, name, value):
        """Return a name similar to `name` under which the generator finds `value`."""
        found = next((known for known, extra in self.extras.items() if extra is value), None)
        if found is None:
            found = self._named(name)
            self.extras[found] = value
        return found

    def _resolve(self, node):
        """Return the value of an expression when the model is saved, or UNKNOWN."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, UNKNOWN) if node.id not in self._local or node.id == self._self else UNKNOWN
        if isinstance(node, ast.Attribute):
            owner = self._resolve(node.value)
            return UNKNOWN if owner is UNKNOWN else _quietly(getattr, owner, node.attr)
        if isinstance(node, ast.Subscript):
            owner, key = self._resolve(node.value), nodes.literal(nodes.index_of(node))
            if isinstance(owner, (list, tuple, dict)) and key is not UNKNOWN:
                return _quietly(lambda: owner[key])
        return UNKNOWN

    def _reject(self, node, reason):
        raise Underivable(reason, *function_source.place_of(self.function, node))

    # --- calls ---

    def _kind(self, node):
        """Return Derived for a call of the author's code, "stop", "maybe" (decided at run time), or None."""
        called = self._resolve(node.func)
        own = self._own(called)
        if own is not None:
            return self._derived(own)
        takes_any = any(isinstance(argument, ast.Starred) for argument in node.args)
        if takes_any or any(keyword.arg is None for keyword in node.keywords):
            return None
        if self._is_method_of_model(node, called):
            return "stop"
        row_by_row = called is not UNKNOWN and known_calls.is_one_of(called, known_calls.ROW_BY_ROW)
        if node.args and (row_by_row or joining.is_called(called)):
            return "stop"
        if isinstance(node.func, ast.Name) and node.func.id in self._local and node.args:
            return "maybe"
        return None

    def _derived(self, own):
        """Return Derived for a function of the author's; None if it is called unchanged."""
        try:
            return self.deriver.derive(own)
        except Underivable as reason:
            # It calls no model, or its source is not available.
            if reason.reason in (CALLS_NO_MODEL, CALLS_IN_AN_INNER_FUNCTION) or reason.file is None:
                return None
            if self._may_be_set and known_calls.LOADS_EACH_TIME in reason.reason:
                # It loads something on first use, which the caller checks.
                return None
            raise

    @staticmethod
    def _is_method_of_model(node, called):
        has_data = bool(node.args) or any(keyword.arg in joining.DATA for keyword in node.keywords)
        is_method = isinstance(node.func, ast.Attribute) and node.func.attr in known_calls.METHODS
        # A module's function, such as subprocess.run, is not a method of an object.
        return is_method and has_data and not isinstance(called, (types.FunctionType, types.BuiltinFunctionType, type))

    def _own(self, called):
        """Return the function behind a call of the author's code, or None."""
        is_own = self.deriver.is_own
        if called is UNKNOWN or isinstance(called, type):
            return None
        own = called
        if not isinstance(called, (types.MethodType, types.FunctionType)) and is_own(type(called)):
            own = getattr(called, "__call__", None)  # noqa: B004 - the method itself is wanted
        if isinstance(own, types.MethodType):
            # Methods inherited from a library's class are the library's.
            followed = is_own(type(own.__self__)) and is_own(own.__func__)
        else:
            followed = isinstance(own, types.FunctionType) and is_own(own)
        # A coroutine runs only if its caller awaits it.
        return own if followed and not inspect.iscoroutinefunction(own) else None

    def visit_Call(self, node):
        """Turn a call of a model into a stop, and one that leads to a model into a `yield from`."""
        kind = self._kind(node)
        built_later = node in self._unseen and self._is_built_later(node)
        eager = isinstance(node.func, ast.Name) and node.func.id in known_calls.EAGER and len(node.args) == 1
        if eager and isinstance(node.args[0], ast.GeneratorExp):
            generator = node.args[0]
            node.args[0] = ast.copy_location(ast.ListComp(generator.elt, generator.generators), generator)
            self._were_lazy.add(node.args[0])
        self._look_for_effects(node)
        text = nodes.short_text_of(node.func)
        called = self._resolve(node.func)
        owner = self._resolve(node.func.value) if isinstance(node.func, ast.Attribute) else UNKNOWN
        receives = owner is not UNKNOWN and getattr(called, "__self__", UNKNOWN) is owner
        stays_joined = node in self._unseen
        self.generic_visit(node)
        if eager and node.args[0] in self._were_lazy:
            # Only its first iterable can contain a stop.
            stayed: Any = node.args[0]
            node.args[0] = ast.copy_location(ast.GeneratorExp(stayed.elt, stayed.generators), stayed)
        if isinstance(kind, Derived):
            return self._follow(node, kind, called, receives)
        keywords = nodes.dictionary(node.keywords)
        if built_later:
            name = self._extra("built_later", joining.Later)
            return nodes.placed_at(node, nodes.call(name, [node.func, node.args[0], keywords]))
        if kind is None:
            return node
        self.stops += 1
        (self.called if kind == "stop" else self.may_be_called).append(text)
        arguments = ast.Tuple(elts=node.args, ctx=ast.Load())
        parts = [nodes.constant(self.stops), node.func, arguments, keywords, nodes.constant(stays_joined)]
        stop = nodes.placed_at(node, ast.Yield(value=ast.Tuple(elts=parts, ctx=ast.Load())))
        if kind == "stop":
            return stop
        test = nodes.call(self._extra("is_called", joining.is_called), [node.func])
        return nodes.placed_at(node, ast.IfExp(test=test, body=stop, orelse=node))

    def _follow(self, node, derived, called, receives):
        """Return the `yield from` for a call of the author's code; a method's receiver is evaluated as before."""
        self.stops += derived.steps is not None
        self.called += [text for text in derived.called if text not in self.called]
        self.may_be_called += [text for text in derived.may_be_called if text not in self.may_be_called]
        self.contexts += derived.steps.contexts
        self.sources += [source for source in derived.source if source not in self.sources]
        name = "{}_in_steps_{}".format(getattr(called, "__name__", "call"), len(self.extras) + 1)
        if not name.isidentifier():
            name = "in_steps_{}".format(len(self.extras) + 1)
        name = self._extra(name, derived.steps)
        first = []
        if derived.receiver is not None:
            # In `service.predict`, that is `service`; a callable object is its own receiver.
            first = [node.func.value if receives else node.func]
            if isinstance(called, types.MethodType) and not receives:
                # A method under another name, or of another object.
                first = [ast.Attribute(value=node.func, attr="__self__", ctx=ast.Load())]
        return nodes.placed_at(
            node, ast.YieldFrom(value=ast.Call(func=nodes.load(name), args=first + node.args, keywords=node.keywords))
        )

    def _look_for_effects(self, node):
        """Reject calls with side effects beyond the sample."""
        function, called = node.func, self._resolve(node.func)
        text = nodes.short_text_of(function)
        if isinstance(function, ast.Attribute) and nodes.root_name(function) not in self._local:
            owner = self._resolve(function.value)
            if function.attr in known_calls.CHANGES and isinstance(owner, known_calls.CONTAINERS):
                kind = "file" if isinstance(owner, io.IOBase) else type(owner).__name__
                self._reject(node, "{} changes a {} that keeps its value after the call".format(text, kind))
            if function.attr == known_calls.TAKES_LOCK and owner is not UNKNOWN:
                self._reject(node, "{} blocks other samples".format(text))
            if function.attr in known_calls.TRAINS and owner is not UNKNOWN:
                instead = "; predictions need transform" if function.attr == "fit_transform" else ""
                self._reject(node, "{} trains during predictions{}".format(text, instead))
        effect = None if called is UNKNOWN else known_calls.effect_of(called)
        if effect and not (self._may_be_set and effect == known_calls.READS_OR_WRITES):
            self._reject(node, "{} {}".format(text, effect))
        # The author's own functions are analysed themselves, and a cached function loads once.
        once = self._own(called) is not None or hasattr(type(called), "cache_info")
        if known_calls.loads(called, function) and not once and not self._may_be_set:
            instead = "load what it needs in a cell of its own, not in {}".format(self.function.__name__)
            self._reject(node, "{} {}; {}".format(text, known_calls.LOADS_EACH_TIME, instead))

    # --- values that only a model reads: they stay joined, or are built from joined rows ---

    def find_unseen(self, tree):
        """Find the calls in `tree` whose results only the next model reads."""
        scopes = (ast.Lambda, ast.GeneratorExp, ast.FunctionDef, ast.AsyncFunctionDef)
        lazy: set = set()
        for scope in ast.walk(tree):
            if scope is not tree and isinstance(scope, scopes):
                lazy.update(ast.walk(scope))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node not in lazy]
        eaten = [node.args[0] for node in calls if node.args and (self._is_stop(node) or self._is_built_later(node))]
        picked: Any = [argument for argument in eaten if self._picks_columns(argument)]
        eaten += [argument.value for argument in picked]
        for node in _only_eaten(tree, eaten) + eaten:
            source: Any = node
            if self._picks_columns(node):
                source = source.value
            method = isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute)
            if self._is_built_later(source) or (method and source not in lazy and self._is_stop(source)):
                self._unseen.add(source)

    def _is_stop(self, node):
        try:
            return self._kind(node) == "stop"
        except Underivable:
            # Decided when it is visited, in text order.
            return False

    def _is_built_later(self, node):
        if not isinstance(node, ast.Call) or len(node.args) != 1:
            return False
        called = self._resolve(node.func)
        return (
            called is not UNKNOWN
            and known_calls.is_one_of(called, known_calls.BUILT_LATER)
            and all(keyword.arg in known_calls.BUILT_WITH for keyword in node.keywords)
        )

    def _picks_columns(self, node):
        """Return whether this is `frame[columns]`, which selects some columns of a table."""
        if not isinstance(node, ast.Subscript):
            return False
        index = nodes.index_of(node)
        if isinstance(index, ast.List):
            return nodes.literal(index) is not UNKNOWN
        return isinstance(self._resolve(index), list)

    # --- scopes ---

    def visit_FunctionDef(self, node):
        """Leave a nested function unchanged; reject one that outlives the sample. A `yield` in it would be its own."""
        before = self._local
        parts = list(ast.walk(node))
        bound = {part.id for part in parts if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
        self._local = before | bound | {part.arg for part in parts if isinstance(part, ast.arg)}
        for part in parts:
            if isinstance(part, ast.Call):
                self._look_for_effects(part)
            elif isinstance(part, (ast.Attribute, ast.Subscript)):
                self._look_at_store(part)
            elif isinstance(part, (ast.Global, ast.Nonlocal)):
                outlive = [name for name in part.names if isinstance(part, ast.Global) or name not in before]
                if outlive and not self._may_be_set.issuperset(outlive):
                    self._reject(part, "it writes {}, which keeps its value after the call".format(outlive[0]))
        self._local = before
        return node

    # The names that ast.NodeVisitor looks for.
    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
    visit_Lambda = visit_FunctionDef  # noqa: N815
    visit_ClassDef = visit_FunctionDef  # noqa: N815

    def visit_ListComp(self, node, add="append", empty="[]"):
        """Turn a comprehension that contains a stop into a loop: comprehensions can't contain a `yield`."""
        if any(generator.is_async for generator in node.generators):
            self.visit_Await(node)
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        for generator in node.generators:
            self._local |= {part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name)}
        before = self.stops
        # Functions made from nested comprehensions use this one's variables.
        around, self.loops = self.loops, []
        has_walrus = any(type(part).__name__ == "NamedExpr" for part in ast.walk(node))
        self._visit_but_first(node)
        within, self.loops = self.loops, around
        if self.stops == before:
            return node
        if has_walrus:
            self._reject(node, "a comprehension around a model call uses :=")
        kind = "generator" if node in self._were_lazy else COMPREHENSION
        name = self._named("{}_{}".format(kind, len(self.loops) + 1))
        rows, made = self._named("rows_"), self._named("made_")
        loop = nodes.parsed("def {}({}):\n    {} = {}\n    return {}".format(name, rows, made, empty, made), node)
        if add:
            step = nodes.parsed("{}.{}(0)".format(made, add), node)
            step.value.args = [node.elt]
        else:
            step = nodes.parsed("{}[0] = 0".format(made), node)
            nodes.set_index(step.targets[0], node.key)
            step.value = node.value
        body = [step]
        for position, generator in reversed(list(enumerate(node.generators))):
            for condition in reversed(generator.ifs):
                check = nodes.parsed("if 0: pass", node)
                check.test, check.body = condition, body
                body = [check]
            each_row = nodes.parsed("for x in {}: pass".format(rows), node)
            each_row.target, each_row.body = generator.target, body
            if position:
                each_row.iter = generator.iter
            body = [each_row]
        loop.body[1:1] = body
        loop.body[:0] = within
        self.loops.append(loop)
        return nodes.placed_at(node, ast.YieldFrom(value=nodes.call(name, [node.generators[0].iter])))

    def _visit_but_first(self, node):
        """Rewrite everything in a comprehension except its first iterable."""
        for place, generator in enumerate(node.generators):
            generator.target = self.visit(generator.target)
            if place:
                generator.iter = self.visit(generator.iter)
            generator.ifs = [self.visit(condition) for condition in generator.ifs]
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                setattr(node, part, self.visit(getattr(node, part)))

    def visit_SetComp(self, node):
        """Do the same as visit_ListComp, for a set."""
        return self.visit_ListComp(node, "add", "set()")

    def visit_DictComp(self, node):
        """Do the same as visit_ListComp, for a dict."""
        return self.visit_ListComp(node, None, "{}")

    def visit_GeneratorExp(self, node):
        """Rewrite its first iterable, which is evaluated at once; the rest is lazy and stays unchanged."""
        if any(generator.is_async for generator in node.generators):
            self.visit_Await(node)
        for generator in node.generators:
            self._local |= {part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name)}
        node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    # --- effects beyond the sample ---

    def visit_With(self, node):
        """Enter a context manager around a model call once for the whole batch, if that is allowed."""
        before = self.stops
        # The body is visited first: that it loads a model is a better reason than that it opens a file.
        items, node.items = node.items, []
        self.generic_visit(node)
        stops_in_body = self.stops - before
        node.items = [self.visit(item) for item in items]
        if not stops_in_body:
            return node
        for item in node.items:
            text = nodes.short_text_of(item.context_expr)
            reason = "it calls a model inside 'with {}', which the samples of a batch can't enter one by one"
            self.lift(item.context_expr, reason.format(text), item.optional_vars)
        return node.body

    def lift(self, expression, reason, bound=None):
        """Record a context manager to enter around the batch; reject it with `reason` if that is not allowed."""
        values: Any = UNKNOWN
        call = expression
        if isinstance(call, ast.Call) and bound is None:
            called = self._resolve(call.func)
            values = [nodes.literal(argument) for argument in call.args]
            keywords = {keyword.arg: nodes.literal(keyword.value) for keyword in call.keywords}
        elif bound is None:
            # A decorator without parentheses.
            called, values, keywords = self._resolve(call), [], {}
        if values is UNKNOWN or called is UNKNOWN or not known_calls.is_one_of(called, known_calls.LIFTED):
            self._reject(expression, reason)
        if any(value is UNKNOWN or value in known_calls.NOT_LIFTED_WITH for value in [*values, *keywords.values()]):
            self._reject(expression, reason)
        self.contexts.append((called, tuple(values), keywords))

    def visit_If(self, node):
        """Allow `if model is None: model = load()`, which sets a value for all samples on first use."""
        test = node.test
        on_first_use = isinstance(test, ast.UnaryOp) or (
            isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.NotIn))
        )
        before = self._may_be_set
        if on_first_use:
            names = {nodes.root_name(part) for part in ast.walk(test) if isinstance(part, (ast.Name, ast.Attribute))}
            self._may_be_set = before | names
        self.generic_visit(node)
        self._may_be_set = before
        return node

    def _store(self, node):
        self._look_at_store(node)
        return self.generic_visit(node)

    def _look_at_store(self, node):
        root = nodes.root_name(node)
        outlives = root not in self._local or root in self.names_of_outer
        outlives = outlives or (root == self._self and not isinstance(node, ast.Name))
        if not isinstance(node.ctx, ast.Load) and outlives and root not in self._may_be_set:
            self._reject(node, "it writes {}, which keeps its value after the call".format(nodes.short_text_of(node)))

    visit_Name = visit_Attribute = visit_Subscript = _store  # noqa: N815

    def visit_Await(self, node):
        """Reject: other samples would have to wait for the awaited value."""
        self._reject(node, "it awaits, so the other samples of a batch would wait, too")

    visit_AsyncFor = visit_AsyncWith = visit_Await  # noqa: N815


def _inner_call_of_model(tree):
    """Return the first call of a model's method within a nested function or a lambda of `tree`, or None."""
    scopes = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)
    for scope in ast.walk(tree):
        for node in ast.walk(scope) if scope is not tree and isinstance(scope, scopes) else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in known_calls.METHODS
                and node.args
            ):
                return node
    return None


def _imported(node, alias, modules):
    """Return the value that an import binds if it comes from `modules`, otherwise UNKNOWN; nothing is imported."""
    if isinstance(node, ast.Import):
        return modules.get(alias.name if alias.asname else alias.name.partition(".")[0], UNKNOWN)
    if node.level:
        return UNKNOWN
    module = modules.get(node.module, UNKNOWN)
    return UNKNOWN if module is UNKNOWN else _quietly(getattr, module, alias.name)


def _only_eaten(tree, eaten):
    """Return the values assigned to names in `tree` that are read only by nodes in `eaten`."""
    uses = collections.Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    eaten_names = collections.Counter(node.id for node in eaten if isinstance(node, ast.Name))
    assigned = {}
    caught = _where_errors_are_caught(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = node.value
    only_eaten = []
    for name, value in assigned.items():
        if eaten_names[name] and uses[name] == eaten_names[name] + 1:
            # Deferred construction raises later, so the same handlers must surround both places.
            users = [node for node in eaten if isinstance(node, ast.Name) and node.id == name]
            if all(caught.get(user) is caught.get(value) for user in users):
                only_eaten.append(value)
    return only_eaten


def _where_errors_are_caught(tree):
    """Return {node: innermost enclosing try or with} for the nodes in `tree` that have one."""
    within = {}
    # Outer ones come first.
    for around in ast.walk(tree):
        body: Any = getattr(around, "body", None)
        if type(around).__name__ in ("Try", "TryStar", "With"):
            for statement in body:
                within.update(dict.fromkeys(ast.walk(statement), around))
    return within


def _names_in(code):
    """Return all names used in a function's code and in nested functions."""
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    return names.union(*[_names_in(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)])


def _name_of(function):
    return getattr(function, "__name__", None) or "an object of {}".format(type(function).__name__)


def _quietly(read, *args):
    """Return the result of `read`, or UNKNOWN if an object of the author's or of a library raises."""
    try:
        return read(*args)
    except Exception:
        return UNKNOWN
