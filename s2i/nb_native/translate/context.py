"""Translation state: generated C, position in the notebook, known facts, and early exits."""

from contextlib import contextmanager
from typing import NamedTuple

from nb_scorer.batching import function_source
from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.refusal import Refusal

# C variables. The body of a loop may be written once per iteration, and so may the code after it.
MAX_VARIABLES = 40000


def accepted_by_all(exits):
    """Return the facts about a sample that hold at all of several exits; each exit is a result of Facts.about."""
    if not exits:
        return {}
    found = {}
    for path in set.intersection(*[set(known) for known in exits]):
        types, lengths = zip(*[known[path] for known in exits])
        together = None if None in types else frozenset().union(*types)
        found[path] = together, lengths[0] if len(set(lengths)) == 1 else None
    return found


class Branch(NamedTuple):
    """A notebook condition that depends on the sample: `line` of `file`, its `text`, and the constants in it."""

    line: int
    text: str
    file: str
    constants: tuple


class Raised(Exception):
    """The expression always raises, so the code after it is unreachable."""


class _ByPlace:
    """A dict with positions in the sample as keys, looked up by C code: facts about x[0] hold wherever it is read."""

    def __init__(self, paths, values):
        self.paths = paths
        self.values = dict(values)

    def get(self, code, default=None):
        return self.values.get(self.paths.get(code, code), default)

    def __contains__(self, code):
        return self.paths.get(code, code) in self.values

    def __setitem__(self, code, what):
        self.values[self.paths.get(code, code)] = what


class Facts:
    """Facts known at one point of the C code: values looked up earlier, and what conditions imply about them.

    `found` maps (C code of a value, key) to the C code of the item; `lengths` and `types` map the C code of a value to
    its length and to the set of its possible JSON types; `paths` is Context.paths.
    """

    def __init__(self, paths, found=(), lengths=(), types=()):
        """Start with copies of these facts."""
        self.paths = paths
        self.found = dict(found)
        self.lengths = _ByPlace(paths, lengths)
        self.types = _ByPlace(paths, types)

    def about(self):
        """Return {path: (types or None, length or None)} of the parts of the sample with known facts."""
        found: dict = {}
        for path in {*self.types.values, *self.lengths.values}:
            if not isinstance(path, tuple):
                continue
            # A fact about x.get("a", 0) holds for x["a"] if the key exists.
            plain = tuple(step[0] if isinstance(step, tuple) else step for step in path)
            types, length = found.get(plain, (None, None))
            own = self.types.values.get(path)
            types = types & own if types and own else types or own
            found[plain] = types, self.lengths.values.get(path, length)
        return found

    def copy(self):
        """Return an independent copy."""
        return Facts(self.paths, self.found, self.lengths.values, self.types.values)

    def learn(self, facts):
        """Add facts that a condition implies: {(C code of a value, "length" or "types"): fact}."""
        for (code, about), what in facts.items():
            if about == "length":
                self.lengths[code] = what
            else:
                self.types[code] = self.types.get(code, what) & what


class Context:
    """State that all parts of the translation share.

    `code` is nb_native.code.Code; `name` is the function's name in messages: predictor or validator.
    """

    def __init__(self, code, name, accepted=None):
        """Start a C function; `accepted` is what is known about samples that the validator accepts, by path."""
        self.code = code
        self.name = name
        self.branches = []
        self.first_branch = 0
        # Path of a value in the sample: its indexes and names; "*" is any item.
        self.paths: dict = {}
        self.accepted = accepted or {}
        self.facts = Facts(self.paths)
        self.frames = []
        self.node = None
        self.written = 0
        self._branches_of = {}
        # Set by modules that depend on each other: evaluate(node), truth(node), call(function, arguments, keywords).
        self.evaluate = self.truth = self.call = None

    # --- positions in the notebook ---

    @contextmanager
    def at(self, node):
        """Attribute any Refusal raised inside the block to `node`."""
        before, self.node = self.node, node
        try:
            yield
        finally:
            self.node = before

    @property
    def frame(self):
        """Return the frame of the function under evaluation."""
        return self.frames[-1]

    def rejection(self, reason):
        """Return a Refusal for the current node; `reason` completes a sentence that starts with the function's name."""
        function = self.frame.function
        name = self.name if len(self.frames) == 1 else self.frame.name
        return Refusal(f"{name} {reason}", *function_source.place_of(function, self.node))

    @contextmanager
    def placed(self):
        """Set the position of a Refusal that has none to the current node."""
        try:
            yield
        except Refusal as rejection:
            if rejection.file is not None:
                raise
            raise Refusal(rejection.reason, *function_source.place_of(self.frame.function, self.node)) from rejection

    # --- C statements ---

    def fail(self):
        """Write that Python raises here, and stop evaluating."""
        self.code.line("return NB_FAILED;")
        raise Raised

    def fail_if(self, condition):
        """Write that Python raises if a C condition holds."""
        self.return_if(condition, "NB_FAILED")

    def return_if(self, condition, status):
        """Write that the program returns a status, a C expression, if a C condition holds."""
        self.code.line(f"if ({condition})")
        self.code.line(f"    return {status};")

    def return_unless_ok(self, call):
        """Write a C call that returns a status; the program returns any status other than NB_OK."""
        status = self.name_of("f", f"const int {{}} = {call};")
        self.return_if(status, status)

    def name_of(self, letter, declaration):
        """Declare a variable and return its new name, which replaces the first {} of `declaration`."""
        name = self.code.name(letter)
        self.code.line(declaration.replace("{}", name, 1))
        self.written += 1
        if self.written > MAX_VARIABLES:
            raise self.rejection(f"has too many branches: more than {MAX_VARIABLES} variables of C")
        return name

    @contextmanager
    def captured(self):
        """Collect the statements of a conditional path; facts found inside hold only there."""
        before = self.facts
        self.facts = before.copy()
        try:
            with self.code.captured() as lines:
                yield lines
        finally:
            self.facts = before

    def branch(self, node, condition):
        """Return the C code of a notebook condition, with a counter in programs built for verification."""
        key = (id(self.frame.function.__code__), node.lineno, node.col_offset)
        if key not in self._branches_of:
            file, line = function_source.place_of(self.frame.function, node)
            self._branches_of[key] = len(self.branches)
            self.branches.append(Branch(line, short_text_of(node), file, self.frame.constants_in(node)))
        return f"NB_BRANCH({self.first_branch + self._branches_of[key]}, {condition})"
