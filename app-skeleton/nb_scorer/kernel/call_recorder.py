"""Records the samples and results of a notebook's own top-level calls of predictor.

An IPython ast_transformer changes predictor(x) to shown(n, predictor(note(n, x))). Both functions return their
argument, so the cell computes, prints and raises the same as before, and tracebacks contain no frames of this module.
"""

import ast
import builtins
import collections
import inspect
import types
import weakref

from nb_scorer.kernel import sample_files
from nb_scorer.model import call_arguments, json_codec, pydantic_models

MAX_SAMPLES = 50
MAX_BYTES = 64 * 1024
MAX_LENGTH = 20000

# In builtins, because the notebook's own namespace is the author's.
NOTE = "__nb_builder_note__"
NOTE_FIRST = "__nb_builder_note_first__"
NOTE_ALL = "__nb_builder_note_all__"
SHOWN = "__nb_builder_shown__"


class BodyWithParameters(bytes):
    """A sample as JSON, with the parameters that a call passes along, as JSON values."""

    parameters: dict

    def __new__(cls, body, parameters):
        """Return the body with these parameters."""
        made = super().__new__(cls, body)
        made.parameters = parameters
        return made

    def __eq__(self, other):
        """Return whether both have the same sample and the same parameters."""
        return bytes(self) == bytes(other) and self.parameters == parameters_of(other)

    def __ne__(self, other):
        """Return whether sample or parameters differ."""
        return not self == other

    __hash__ = bytes.__hash__


def parameters_of(body):
    """Return the parameters sent with a body."""
    return getattr(body, "parameters", {})


class Call(object):
    """A call of predictor in a cell: the sample as JSON and the result.

    `body` is the sample as JSON, or None, with the reason in `lack`; `by_name` is a labelled row of a table as a JSON
    object, or None. For a whole table, `body` is the list of its rows, and `by_name` its only row. `answer` is the
    result as JSON, None if it can't be converted or is too large, and `bare` the same without pandas' labels;
    `returned` is False if predictor raised. `passed` is the sample's type if JSON has no such type, otherwise "";
    `is_table` is whether it is a table, and `single` whether its numbers have single precision. `cell` and `line`
    locate the call, `predictor` returns the predictor that was called, and `current` is whether that is the notebook's
    final one. `files` lists the arguments that are files, as returned by nb_scorer.kernel.sample_files.
    """

    def __init__(self, body, by_name=None, passed="", single=False, lack=""):
        self.body = body
        self.by_name = by_name
        self.lack = lack
        self.passed = passed
        self.single = single
        self.is_table = False
        self.cell = None
        self.line = None
        self.predictor = None
        # The predictor's name in the notebook.
        self.function = "predictor"
        self.answer = None
        self.bare = None
        self.returned = False
        self.current = True
        self.files = {}


def install(shell, names=()):
    """Record calls of predictor, and of functions with these `names`, in cells that `shell` runs from now on."""
    noter = CallNoter(names)
    calls = Calls(shell, noter.lines, noter.called)
    shell.ast_transformers.append(noter)
    setattr(builtins, NOTE, calls.note)
    setattr(builtins, NOTE_FIRST, calls.note_first)
    setattr(builtins, NOTE_ALL, calls.note_all)
    setattr(builtins, SHOWN, calls.shown)
    shell.events.register("post_run_cell", calls.ended)
    shell.nb_builder_calls = calls


def recorded(shell):
    """Return the last Call of each sample, in order of first calls; both, if it was passed plain and as an array.

    They are followed by the last call at each call site whose sample can't be converted to JSON.
    """
    calls = getattr(shell, "nb_builder_calls", None)
    return calls.found() if calls else []


class Calls(object):
    """The recorded calls, for at most MAX_SAMPLES samples; `lines` and `called` describe each call site."""

    def __init__(self, shell, lines, called=None):
        self._shell = shell
        self._lines = lines
        self._called = called
        self._open = {}
        self._first = {}
        # By call site.
        self._without_form = collections.OrderedDict()
        # By body, in order of first calls.
        self._calls = collections.OrderedDict()

    def _name(self, site):
        return self._called[site] if self._called else "predictor"

    def _predictor(self, site):
        return self._shell.user_ns.get(self._name(site))

    def note(self, site, sample):
        """Return `sample` unchanged, after recording its JSON if it has any."""
        self._open.pop(site, None)
        try:
            self._begin(site, sample)
        # The argument may be any object, and its methods may fail; the cell must not fail because of that.
        except Exception:
            return sample
        return sample

    def note_first(self, site, *args):
        """Return `args`, which note_all records together with the call's named arguments."""
        self._first[site] = args
        return args

    def note_all(*args, **named):
        """Return `args` or `named`, whichever is given, after recording the sample that a client would send."""
        # Positional-only parameters, emulated for CPython 3.6, because predictor's arguments may be called self or
        # site.
        self, site, args = args[0], args[1], args[2:]
        self._open.pop(site, None)
        try:
            self._begin_bound(site, self._first.pop(site, args), named)
        # If this raises TypeError, so will predictor. Otherwise, the same as for a single argument.
        except Exception:
            return args or named
        return args or named

    def _begin_bound(self, site, args, named):
        predictor = self._predictor(site)
        bound = inspect.signature(predictor).bind(*args, **named)
        takes = call_arguments.inspect_arguments(predictor)
        sample = _bound(bound)
        # An empty one is what predictor receives with golden rows, too.
        if takes.takes_headers and sample.pop(call_arguments.HEADERS, None):
            self._open_call(site, Call(None, lack="golden rows have no header fields"))
        elif takes.named:
            self._begin(site, sample)
        elif len(bound.args) == 1 and not bound.kwargs:
            self._begin(site, bound.args[0])
        elif bound.signature.parameters[takes.sample].kind is inspect.Parameter.VAR_POSITIONAL:
            self._open_call(site, Call(None, lack="the service passes one sample, and this call passes several"))
        elif takes.sample in sample:
            self._begin(site, sample.pop(takes.sample), sample, {each.name for each in takes.parameters})

    def _begin(self, site, sample, others=None, parameters=()):
        """Record a call with a sample and its other arguments, of which a request may set `parameters`."""
        call = _call_of_table(sample) if _is_table(sample) else self._call_of(sample, self._predictor(site))
        self._open_call(site, _with_parameters(call, others, parameters) if others else call)

    def _call_of(self, sample, predictor):
        passed = "" if _is_plain(sample) else _kind(sample)
        try:
            value, files = sample_files.in_json(predictor, sample)
        except ValueError as error:
            return Call(None, passed=passed, lack=str(error))
        body, lack = json_form(value, MAX_BYTES if value is sample else sample_files.MAX_BYTES)
        call = Call(body, body and _by_name(sample), passed, _is_single(sample), lack)
        call.files = files
        return call

    def _open_call(self, site, call):
        """Record `call`, which starts now at `site`, unless there are too many."""
        call.line, call.predictor = self._lines[site], _reference(self._predictor(site))
        call.function = self._name(site)
        calls, key = (self._without_form, site) if call.body is None else (self._calls, (call.function, call.body))
        if key not in calls and len(calls) >= MAX_SAMPLES:
            return
        calls[key] = [call] if call.body is None else _last_of_each_kind([*calls.get(key, ()), call])
        self._open[site] = call

    def shown(self, site, answer):
        """Return `answer` unchanged, after recording it as the result of the open call at `site`."""
        call = self._open.pop(site, None)
        if call is not None:
            call.returned = True
            try:
                call.answer, call.bare = (
                    _answer_form(answer, json_codec.LABELLED),
                    _answer_form(answer, json_codec.BARE),
                )
            # The same as for a sample.
            except Exception:
                return answer
        return answer

    def ended(self, result):
        """Set the cell number of the finished cell's calls; the shell's counter is already one ahead."""
        number = getattr(result, "execution_count", None)
        if number is None:
            # A magic ran it inside a cell.
            return
        for call in self._all():
            call.cell = number if call.cell is None else call.cell

    def found(self):
        """Return the calls, with `current` set according to the namespace's present predictor."""
        calls = self._all()
        for call in calls:
            call.current = call.predictor() is self._shell.user_ns.get(call.function)
        return calls

    def _all(self):
        return [call for by_key in (self._calls, self._without_form) for calls in by_key.values() for call in calls]


def _last_of_each_kind(calls):
    """Return the last call with a plain sample and the last one with another type, in call order."""
    last = {bool(call.passed): call for call in calls}
    return [call for call in calls if last[bool(call.passed)] is call]


def _reference(predictor):
    """Return a function that returns `predictor`, using a weak reference if possible."""
    try:
        return weakref.ref(predictor)
    except TypeError:
        return lambda: predictor


class CallNoter(ast.NodeTransformer):
    """Wraps each call of predictor, and of functions with the given `names`, together with its arguments.

    Calls inside functions are not changed.

    predictor(a, b) becomes shown(n, predictor(*note_all(n, a, b))), predictor(a=1, b=2) shown(n,
    predictor(**note_all(n, a=1, b=2))), and predictor(a, b=2) shown(n, predictor(*note_first(n, a), **note_all(n,
    b=2))).
    """

    def __init__(self, names=()):
        self.lines = []
        # The function called at each call site.
        self.called = []
        self._names = frozenset(("predictor", *names))

    def visit_FunctionDef(self, node):
        """Return a function unchanged: calls made when it runs are not examples."""
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef  # noqa: N815 - ast's names

    def visit_Call(self, node):
        """Return the call, with argument and result wrapped if it is predictor(x)."""
        return self._wrapped(node, node) if self._noted(node) else node

    def visit_Await(self, node):
        """Return the await; for `await predictor(x)`, wrap the argument and the awaited result."""
        if isinstance(node.value, ast.Call):
            return self._wrapped(node, node.value) if self._noted(node.value) else node
        self.generic_visit(node)
        return node

    def _noted(self, call):
        """Wrap the arguments of `call` if it calls predictor with any; return whether it does."""
        self.generic_visit(call)
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if getattr(call.func, "id", None) not in self._names or not arguments or _unpacks(call):
            return False
        if not call.keywords and len(arguments) == 1:
            call.args = [self._ours(NOTE, call.args, [], arguments[0])]
        else:
            if call.args:
                wrapped = self._ours(NOTE_FIRST if call.keywords else NOTE_ALL, call.args, [], arguments[0])
                call.args = [ast.copy_location(ast.Starred(value=wrapped, ctx=ast.Load()), arguments[0])]
            if call.keywords:
                named = ast.keyword(arg=None, value=self._ours(NOTE_ALL, [], call.keywords, arguments[0]))
                call.keywords = [ast.copy_location(named, arguments[0])]
        self.lines.append(call.lineno)
        self.called.append(call.func.id)
        return True

    def _wrapped(self, node, call):
        """Return `node`, whose `call` has just been wrapped, with its result wrapped, too."""
        return self._ours(SHOWN, [node], [], call, len(self.lines) - 1)

    def _ours(self, name, args, keywords, near, site=None):
        """Return a call of `name` whose first argument is a call site's number, by default the next one."""
        number = ast.parse(str(len(self.lines) if site is None else site), mode="eval").body
        wrapper = ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[number, *args], keywords=keywords)
        for part in (wrapper, wrapper.func, number):
            ast.copy_location(part, near)
        return ast.fix_missing_locations(wrapper)


def _unpacks(call):
    return any(isinstance(argument, ast.Starred) for argument in call.args) or any(
        argument.arg is None for argument in call.keywords
    )


def _with_parameters(call, others, parameters):
    """Return `call` with its other arguments; without a body if a request can't send them."""
    if call.body is None or call.is_table:
        return Call(None, lack=call.lack or "a table with parameters can't be a golden row")
    values = {}
    for name, value in sorted(others.items()):
        body, lack = json_form(value) if name in parameters else (None, "a request can't set it")
        if body is None:
            return Call(None, lack="the argument {} is not kept: {}".format(name, lack))
        values[name] = json_codec.decode(body)
    call.body = BodyWithParameters(call.body, values)
    call.by_name = None
    return call


def _bound(bound):
    """Return the object that a client would send to bind the parameters like this."""
    sample = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            sample.update(sample.pop(parameter.name, {}))
    return sample


def json_form(sample, most=MAX_BYTES):
    """Return (`sample` as a JSON body, ""), or (None, reason) if JSON changes it or exceeds `most` bytes.

    Tuples and numpy arrays and numbers count as unchanged.
    """
    body, lack = _encoded(sample, most)
    if body and not _survived(sample, json_codec.decode(body)):
        return None, "it would change in JSON"
    return body, lack


def _encoded(sample, most=MAX_BYTES):
    """Return (the JSON of `sample`, ""), or (None, reason)."""
    if _length(sample) > max(MAX_LENGTH, most if isinstance(sample, str) and most > MAX_BYTES else 0):
        return None, "it is too large"
    try:
        body = json_codec.encode(sample, json_codec.BARE)
    except json_codec.NoJsonForm:
        return None, "a client can only send JSON, which has no such value"
    return (body, "") if len(body) <= most else (None, "it is too large")


def _is_table(sample):
    """Return whether `sample` is a table of pandas or polars."""
    return hasattr(sample, "columns") and (hasattr(sample, "iloc") or hasattr(sample, "to_dicts"))


def _call_of_table(sample):
    """Return the Call for a table: a client could send the list of its rows, or its only row as an object."""
    body, lack = _encoded(sample)
    call = Call(body, body[1:-1] if body and len(sample) == 1 else None, _kind(sample), lack=lack)
    call.is_table = True
    return call


def _answer_form(answer, form):
    """Return a result as JSON in `form`, or None if it is too large, not awaited yet, or can't be converted."""
    if type(answer) is types.CoroutineType or _length(answer) > MAX_LENGTH:
        return None
    try:
        body = json_codec.encode(answer, form)
    except json_codec.NoJsonForm:
        return None
    return body if len(body) <= MAX_BYTES else None


def _by_name(sample):
    """Return a labelled row of a table (a pandas Series) as a JSON object, or None for anything else."""
    if not (hasattr(sample, "index") and hasattr(sample, "to_dict") and hasattr(sample, "tolist")):
        return None
    names = list(sample.index)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return json_codec.encode(dict(zip(names, sample.tolist())))


def _is_plain(sample):
    """Return whether JSON preserves all types in the sample."""
    if type(sample) is dict:
        return all(map(_is_plain, sample.values()))
    if type(sample) is list:
        return all(map(_is_plain, sample))
    return sample is None or type(sample) in (bool, int, float, str)


def _kind(sample):
    kind: type = type(sample)
    if kind in (list, dict):
        return "{} with values of other types".format(kind.__name__)
    return kind.__name__ if kind.__module__ == "builtins" else "{}.{}".format(kind.__module__, kind.__name__)


def _is_single(sample):
    """Return whether `sample` contains numpy floats of less than double precision."""
    if isinstance(sample, (list, tuple)):
        return any(map(_is_single, sample))
    if isinstance(sample, dict):
        return any(map(_is_single, sample.values()))
    dtype = getattr(sample, "dtype", None)
    return getattr(dtype, "kind", "") == "f" and dtype.itemsize < 8


def _length(sample):
    length = getattr(sample, "size", None)
    if isinstance(length, int):
        return length
    return len(sample) if hasattr(sample, "__len__") else 0


def _survived(sample, decoded):
    if hasattr(sample, "dtype") and hasattr(sample, "tolist"):
        sample = sample.tolist()
    elif pydantic_models.is_known(type(sample)) or hasattr(type(sample), "__dataclass_fields__"):
        # predictor's type hint recreates it from JSON.
        sample = json_codec.plain(sample, json_codec.BARE)
    if isinstance(sample, dict) and type(decoded) is dict:
        return sample.keys() == decoded.keys() and all(_survived(value, decoded[key]) for key, value in sample.items())
    if isinstance(sample, (list, tuple)) and type(decoded) is list:
        return len(sample) == len(decoded) and all(map(_survived, sample, decoded))
    return type(sample) is type(decoded) and sample == decoded
