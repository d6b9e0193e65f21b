"""Notes the samples that a notebook's own top-level calls hand to predictor.

An IPython ast_transformer turns predictor(x) into predictor(note(x)), where note returns x: the cell
does, prints and raises what it did without us, and no frame of ours is in a traceback.
"""

import ast
import builtins
import inspect

from nb_scorer import functions, pydantic_models, values

MAX_SAMPLES = 50
MAX_BYTES = 64 * 1024
MAX_LENGTH = 20000

# In builtins, because the notebook's own namespace is the author's.
NOTE = "__nb_builder_note__"
NOTE_ALL = "__nb_builder_note_all__"


def install(shell):
    """Note from now on the samples in cells that the IPython `shell` runs."""
    shell.ast_transformers.append(CallNoter())
    bodies = []
    setattr(builtins, NOTE, lambda sample: _note(sample, bodies))
    setattr(builtins, NOTE_ALL, lambda *args, **named: _note_all(shell.user_ns.get("predictor"), args, named, bodies))
    shell.nb_builder_samples = bodies


def recorded(shell):
    """Return the samples noted so far, as bodies of JSON, in the order of their first call."""
    return list(getattr(shell, "nb_builder_samples", []))


class CallNoter(ast.NodeTransformer):
    """Wraps the one argument, or the several, of each call of predictor outside functions.

    predictor(a, b) becomes predictor(*note(a, b)), and predictor(a=1, b=2) predictor(**note(a=1, b=2)).
    """

    def visit_FunctionDef(self, node):
        """Return a function as it is: what it calls at run time is not the notebook's own example."""
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef  # noqa: N815 - ast's names

    def visit_Call(self, node):
        """Return the call with its argument noted, if it is predictor(x)."""
        self.generic_visit(node)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        unpacks = any(isinstance(one, ast.Starred) for one in node.args) or any(
            one.arg is None for one in node.keywords
        )
        if getattr(node.func, "id", None) != "predictor" or not given or unpacks:
            return node
        noted = ast.Call(func=ast.Name(id=NOTE_ALL, ctx=ast.Load()), args=node.args, keywords=node.keywords)
        if not node.keywords and len(given) == 1:
            noted.func.id = NOTE
            node.args = [noted]
        elif not node.keywords:
            node.args = [ast.Starred(value=noted, ctx=ast.Load())]
        elif not node.args:
            node.keywords = [ast.keyword(arg=None, value=noted)]
        for new in (noted, noted.func, *node.args, *node.keywords):
            ast.copy_location(new, given[0])
        return ast.fix_missing_locations(node)


def _note(sample, bodies):
    """Return `sample` untouched, after its JSON form went to `bodies` if it has one."""
    if len(bodies) < MAX_SAMPLES:
        try:
            body = json_form(sample)
        # Any object may come here, with any fault in its methods; it must not become the cell's.
        except Exception:
            return sample
        if body is not None and body not in bodies:
            bodies.append(body)
    return sample


def _note_all(predictor, args, named, bodies):
    """Return `args` or `named`, whichever there are, after the object that a client would send was noted."""
    if functions.named_parameters(predictor):
        try:
            _note(_by_name(inspect.signature(predictor).bind(*args, **named)), bodies)
        except TypeError:
            # As predictor will say at once, in words of its own.
            pass
    return args or named


def _by_name(bound):
    """Return the object whose keys are bound to parameters in this way."""
    sample = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            sample.update(sample.pop(parameter.name, {}))
    return sample


def json_form(sample):
    """Return `sample` as a body of JSON, or None where JSON would change it or it is too large.

    Tuples and numpy's arrays and numbers count as what JSON makes of them.
    """
    if _length(sample) > MAX_LENGTH:
        return None
    body = values.encode(sample, values.BARE)
    if len(body) > MAX_BYTES or not _survived(sample, values.decode(body)):
        return None
    return body


def _length(sample):
    size = getattr(sample, "size", None)
    if isinstance(size, int):
        return size
    return len(sample) if hasattr(sample, "__len__") else 0


def _survived(sample, back):
    if hasattr(sample, "dtype") and hasattr(sample, "tolist"):
        sample = sample.tolist()
    elif pydantic_models.is_known(type(sample)) or hasattr(type(sample), "__dataclass_fields__"):
        # The hint by which predictor gets it makes it again.
        sample = values.plain(sample, values.BARE)
    if isinstance(sample, dict) and type(back) is dict:
        return sample.keys() == back.keys() and all(_survived(value, back[key]) for key, value in sample.items())
    if isinstance(sample, (list, tuple)) and type(back) is list:
        return len(sample) == len(back) and all(map(_survived, sample, back))
    return type(sample) is type(back) and sample == back
