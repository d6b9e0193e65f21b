"""The translation under way: its C, its place in the notebook, what is known so far, and how it ends early."""

from contextlib import contextmanager
from typing import NamedTuple

from nb_scorer.batching import function_source
from nb_scorer.batching.syntax_nodes import short_text_of

from nb_native.refusal import Refusal

# Variables of C. A way through a loop may be written once for each of its rounds, and so may what follows it.
MAX_VARIABLES = 40000


def accepted_by_all(exits):
    """Return what is known of a sample that leaves by one of several exits: for each, what Facts.about returns."""
    if not exits:
        return {}
    found = {}
    for path in set.intersection(*[set(known) for known in exits]):
        types, lengths = zip(*[known[path] for known in exits])
        together = None if None in types else frozenset().union(*types)
        found[path] = together, lengths[0] if len(set(lengths)) == 1 else None
    return found


class Branch(NamedTuple):
    """A condition of the notebook's that depends on the sample: `line` of `file`, its `text`, the constants in it."""

    line: int
    text: str
    file: str
    constants: tuple


class Raised(Exception):
    """What is evaluated raises for sure: nothing behind it is ever reached."""


class _ByPlace:
    """A dict by places in the sample, asked by the C of a value: what is known of x[0] holds wherever it is read."""

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
    """What is known at one place of the C: values looked up before, and what conditions have told of them.

    `found` maps (C of a value, key) to the C of what is there, `lengths` and `types` the C of a value to its length
    and to the set of its possible types of JSON; `paths` is Context.paths.
    """

    def __init__(self, paths, found=(), lengths=(), types=()):
        """Begin with copies of these."""
        self.paths = paths
        self.found = dict(found)
        self.lengths = _ByPlace(paths, lengths)
        self.types = _ByPlace(paths, types)

    def about(self):
        """Return {path: (types or None, length or None)} of the parts of the sample that something is known of."""
        found: dict = {}
        for path in {*self.types.values, *self.lengths.values}:
            if not isinstance(path, tuple):
                continue
            # What is told of x.get("a", 0) holds for x["a"] where it is there.
            plain = tuple(step[0] if isinstance(step, tuple) else step for step in path)
            types, length = found.get(plain, (None, None))
            own = self.types.values.get(path)
            types = types & own if types and own else types or own
            found[plain] = types, self.lengths.values.get(path, length)
        return found

    def copy(self):
        """Return Facts that change by themselves."""
        return Facts(self.paths, self.found, self.lengths.values, self.types.values)

    def learn(self, told):
        """Take what a condition has told: {(C of a value, "length" or "types"): what}."""
        for (code, about), what in told.items():
            if about == "length":
                self.lengths[code] = what
            else:
                self.types[code] = self.types.get(code, what) & what


class Context:
    """What all parts of the translation share.

    `code` is nb_native.code.Code; `name` is what messages call the function: predictor or validator.
    """

    def __init__(self, code, name, accepted=None):
        """Begin a function of the C; `accepted` is what is known of samples that the validator accepts, by path."""
        self.code = code
        self.name = name
        self.branches = []
        self.first_branch = 0
        # Where in the sample a value is: the indexes and names that lead there; "*" is any item.
        self.paths: dict = {}
        self.accepted = accepted or {}
        self.facts = Facts(self.paths)
        self.frames = []
        self.node = None
        self.written = 0
        self._branches_of = {}
        # Set by the parts that need each other: evaluate(node), truth(node), call(function, arguments, keywords).
        self.evaluate = self.truth = self.call = None

    # --- places ---

    @contextmanager
    def at(self, node):
        """Have what is refused within stand at `node`."""
        before, self.node = self.node, node
        try:
            yield
        finally:
            self.node = before

    @property
    def frame(self):
        """Return the frame of the function that is being evaluated."""
        return self.frames[-1]

    def refusal(self, reason):
        """Return a Refusal of what is being evaluated: `reason` goes on from the function's name."""
        function = self.frame.function
        name = self.name if len(self.frames) == 1 else self.frame.name
        return Refusal(f"{name} {reason}", *function_source.place_of(function, self.node))

    @contextmanager
    def placed(self):
        """Give a Refusal without a place the one that is being evaluated."""
        try:
            yield
        except Refusal as refusal:
            if refusal.file is not None:
                raise
            raise Refusal(refusal.reason, *function_source.place_of(self.frame.function, self.node)) from refusal

    # --- statements of the C ---

    def fail(self):
        """Write that Python raises here, and stop evaluating."""
        self.code.line("return NB_FAILED;")
        raise Raised

    def fail_if(self, condition):
        """Write that Python raises where a C condition holds."""
        self.return_if(condition, "NB_FAILED")

    def return_if(self, condition, status):
        """Write that the program ends with a status, a C expression, where a C condition holds."""
        self.code.line(f"if ({condition})")
        self.code.line(f"    return {status};")

    def return_unless_ok(self, call):
        """Write a call of C that returns a status; the program ends with any but NB_OK."""
        status = self.name_of("f", f"const int {{}} = {call};")
        self.return_if(status, status)

    def name_of(self, letter, declaration):
        """Declare a variable: the first {} of `declaration` is its fresh name, which this returns."""
        name = self.code.name(letter)
        self.code.line(declaration.replace("{}", name, 1))
        self.written += 1
        if self.written > MAX_VARIABLES:
            raise self.refusal(f"has too many branches: more than {MAX_VARIABLES} variables of C")
        return name

    @contextmanager
    def captured(self):
        """Collect statements of a way that is not always taken; what they find is known only there."""
        before = self.facts
        self.facts = before.copy()
        try:
            with self.code.captured() as lines:
                yield lines
        finally:
            self.facts = before

    def branch(self, node, condition):
        """Return the C of a condition of the notebook's, which is counted where the program is made for its proof."""
        key = (id(self.frame.function.__code__), node.lineno, node.col_offset)
        if key not in self._branches_of:
            file, line = function_source.place_of(self.frame.function, node)
            self._branches_of[key] = len(self.branches)
            self.branches.append(Branch(line, short_text_of(node), file, self.frame.constants_in(node)))
        return f"NB_BRANCH({self.first_branch + self._branches_of[key]}, {condition})"
