"""The C code of a model: nb_validate and nb_predict, and their tables and branches."""

import ast
from typing import Any, NamedTuple

from nb_scorer.model.functions import FromEstimator

from nb_native.code import Code
from nb_native.translate import (
    arrays,
    calls,
    expressions,
    flow,
    functions,
    inlining,
    lookups,
    samples,
    statements,
    verdicts,
)
from nb_native.translate.answers import Answer
from nb_native.translate.context import Context, Raised, accepted_by_all
from nb_native.translate.functions import Frame
from nb_native.translate.kinds import Table, Torn
from nb_native.values import Known, Sample, Vector

_HEAD = """\
/* A model, made of a notebook by nb_native: what its functions do with one sample. */
#include "nb_misfit.h"
#include "nb_native.h"
#include "nb_python.h"
#include "nb_text.h"

/* Values that the notebook computes and never reads are included, too. */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wunused-parameter"
"""


class _Translation(Context):
    """All parts of the translation, connected."""

    def __init__(self, code, name, accepted=None):
        """Start a C function."""
        super().__init__(code, name, accepted)
        # Facts about the sample at each place where the validator accepts it: one dict per place.
        self.exits = []
        self.evaluate = lambda node: expressions.evaluate(self, node)
        self.truth = lambda node: expressions.truth(self, node)
        self.call = lambda node: calls.call(self, node)

    def inline(self, called, positional, keywords, text):
        """Return the result of calling one of the author's functions."""
        return inlining.inline(self, called, positional, keywords, text)

    def inline_closure(self, closure, positional, keywords, text):
        """Return the result of calling a nested function."""
        return inlining.inline_closure(self, closure, positional, keywords, text)

    def say(self, node, kind=None):
        """Write the message of an exception that a validator raises, if it is a single constant."""
        if self.name != "validator" or node is None:
            return
        classes = Known(AssertionError) if kind is None else expressions.evaluate(self, kind)
        message = expressions.evaluate(self, node)
        if not (isinstance(classes, Known) and isinstance(message, Known) and isinstance(classes.value, type)):
            return
        if issubclass(classes.value, (ValueError, AssertionError)) and isinstance(message.value, str) and message.value:
            self.code.line(f"*reason = (nb_text){{{samples.text_arguments(message.value)}}};")


def predictor(function, sample, code, accepted=None, first_branch=0):
    """Write the body of nb_predict for `sample`, a Sample; return its Branches.

    `accepted` is what `validator` learned about accepted samples; other samples fail, because the service never passes
    them on. `first_branch` is the number of the first Branch. Raises Refusal.
    """
    context = _Translation(code, "predictor", accepted)
    context.first_branch = first_branch
    answers = Answer(context)

    def end(value):
        if isinstance(value, Torn):
            raise context.rejection(f"answers with what {value.reason}")
        with context.placed():
            answers.write(value)
        answers.end()
        return flow.ENDED

    _write(context, function, sample, end)
    return context.branches


def validator(function, code):
    """Write the body of nb_validate; return (its Branches, facts about the samples that it accepts).

    Without a `function`, all samples are accepted. Raises Refusal.
    """
    if function is None:
        code.line("return NB_OK;")
        return [], {}
    context = _Translation(code, "validator")

    def end(value):
        if isinstance(value, Torn):
            raise context.rejection(f"returns what {value.reason}")
        try:
            verdicts.write(context, value)
        except Raised:
            return None
        return flow.ENDED

    _write(context, function, Sample("sample"), end)
    return context.branches, accepted_by_all(context.exits)


def _write(context, function, sample, end):
    """Write a function of one sample; `end` writes its return."""
    if isinstance(function, FromEstimator):
        _of_estimator(context, function.estimator, sample, end)
        return
    function, fields = functions.unwrapped(function, context.name)
    plain, tree, bound = functions.definition_of(_called(function), context.name)
    frame = Frame(plain, tree)
    context.frames.append(frame)
    context.node = tree
    try:
        samples.introduce(context, sample, ())
        arguments, keywords = ([sample], {}) if fields is None else ([], _by_name(context, sample, fields))
    except Raised:
        return
    wrong = functions.bind(frame, [*map(Known, bound), *arguments], keywords)
    if wrong is not None:
        raise context.rejection(wrong)
    body = tree.body if isinstance(tree.body, list) else [ast.copy_location(ast.Return(value=tree.body), tree.body)]
    try:
        statements.run(context, body, end)
    except RecursionError:
        raise context.rejection("is nested too deeply") from None


def _called(function):
    """Return the function behind a callable object."""
    is_plain = hasattr(function, "__code__") or hasattr(function, "func") or hasattr(function, "__func__")
    return function if is_plain else getattr(function, "__call__", function)  # noqa: B004 - the method is wanted


def _by_name(context, sample, fields):
    """Return {parameter: value} for a sample whose keys are the parameters; the program rejects all other samples."""
    _require_fields(context, sample, fields)
    found = {}
    for name, needed in fields.items():
        if needed:
            found[name] = samples.field(context, sample, name)
        else:
            found[name] = samples.field_or(context, sample, name, _default(context.frame, name))
    return found


def _require_fields(context, sample, fields):
    """Write the check that a sample has exactly these fields; the program reports any others."""
    code = context.code
    table = code.name("t")
    rows = ", ".join(f"{{{{{samples.text_arguments(name)}}}, {int(needed)}}}" for name, needed in fields.items())
    code.tables.append(f"static const nb_parameter {table}[{len(fields)}] = {{{rows}}};")
    message = context.name_of("w", "nb_text {};")
    status = context.name_of("f", f"const int {{}} = nb_fits({sample.code}, {table}, {len(fields)}, &{message});")
    with code.block(f"if ({status})"):
        if context.name == "validator":
            code.line(f"*reason = {message};")
        else:
            code.line(f"nb_write(answer, {message}.text, {message}.length);")
        code.line(f"return {status};")
    context.facts.types[sample.code] = samples.types_of(context, sample) & {"object"}


def _default(frame, name):
    function = frame.function
    if name in (function.__kwdefaults__ or {}):
        return function.__kwdefaults__[name]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    return dict(zip(names[len(names) - len(defaults) :], defaults))[name]


def _of_estimator(context, estimator, sample, end):
    """Write the predictor of a bare estimator."""
    context.frames.append(_NoSource(type(estimator).__name__))
    names = getattr(estimator, "feature_names_in_", None)
    try:
        samples.introduce(context, sample, ())
        data: Any = Vector((sample,), "list")
        if names is not None:
            names = tuple(str(name) for name in names)
            for name in names:
                # The estimator selects columns of an object by name, and all of them must be present.
                member = f"nb_member({sample.code}, {samples.text_arguments(name)})"
                context.fail_if(f"{sample.code}->type == NB_OBJECT && !{member}")
            data = Table(sample, names)
        end(lookups.item_of(context, arrays.asked(context, estimator, "predict", data), Known(0)))
    except Raised:
        return


class _NoSource(Frame):
    """Stands in for a predictor that isn't a function."""

    def __init__(self, name):
        """Create one."""
        tree = ast.parse("lambda sample: 0", mode="eval").body
        super().__init__(eval("lambda sample: 0"), tree)  # noqa: S307 - our own text, for a code object
        self.name = name


class Program(NamedTuple):
    """A model as C: its `text`, its Branches, and the estimator methods that were `recognised`, in order.

    `edges` are the numbers and strings that conditions compare with, `words` those that distinguish text.
    """

    text: str
    branches: tuple
    recognised: tuple
    edges: tuple
    words: tuple


def program(model):
    """Return the C code of a model, an object with `predictor` and `validator`; raise Refusal."""
    return whole(model).text


def whole(model):
    """Return the Program of a model, an object with `predictor` and `validator`; raise Refusal."""
    code = Code()
    asked, accepted = validator(model.validator, code)
    parts = [_function("int nb_validate(const nb_value *sample, nb_text *reason)", code.lines)]
    code.lines = []
    branches = asked + predictor(model.predictor, Sample("sample"), code, accepted, len(asked))
    parts.append(_function("int nb_predict(const nb_value *sample, nb_output *answer)", code.lines))
    counts = (
        f"#ifdef NB_BRANCHES\nuint32_t nb_branches[{max(1, len(branches))}][2];\n"
        f"const uint32_t nb_branch_count = {len(branches)};\n#endif\n"
    )
    text = "\n".join([_HEAD, counts, *[table + "\n" for table in code.tables], *parts])
    return Program(text, tuple(branches), tuple(code.recognised), tuple(code.edges), tuple(code.words))


def _function(head, lines):
    return f"{head}\n{{\n" + "\n".join(lines) + "\n}\n"
