"""Generated predictors: each sample of a batch gets the prediction that predictor gives for it alone."""

import os

import pytest
from hypothesis import HealthCheck, Phase, event, given, reject, settings
from hypothesis import strategies as st
from nb_scorer.batching.watch import Watch
from nb_scorer.kernel import derive_batch_form

from unit.nb_scorer.batching.forms import alone, notebook, together
from unit.nb_scorer.batching.stand_ins import Labels, Linear

EXAMPLES = int(os.environ.get("NB_BATCHING_EXAMPLES", "200"))
HEAD = """
import numpy as np
import pandas as pd
plus = 1.5
def plain(v):
    return v * 2 + plus
class Service:
    def __init__(self, model, factor):
        self.model, self.__factor = model, factor
    def score(self, row, shift=0.0):
        return float(self.model.predict([row])[0]) * self.__factor + shift
    def __call__(self, row):
        return self.score(row, shift=len(row))
service = Service(model, 0.5)
services = {"one": service, "two": Service(scaler, 2.0)}
models = [model, scaler]
"""
LEAVES = [
    "x['n']",
    "x['row'][0]",
    "x['row'][-1]",
    "float(len(x['text']))",
    "1.0",
    "-2.5",
    "3",
    "plus",
    "v0",
    "v1",
    "v2",
    "v0 / x['n']",
    "x['more']",
    "x['row'][x['n']]",
]
ROWS = ["x['row']", "[{0}, {1}]", "[abs({0}), abs({1})]", "[{0}] + x['row']", "[*x['row'], {0}]", "x['row'][:2]"]
CALLS = [
    "float({model}.predict([{row}])[0])",
    "float({model}.predict_proba([{row}])[0][1])",
    "float({model}.predict_proba({model}.transform([{row}]))[0, 0])",
    "float(scaler.predict(np.array([{row}]))[0])",
    "float(model.predict(scaler.transform([{row}]))[0])",
    "float({model}.predict(X=[{row}])[0])",
    "frames.predict(pd.DataFrame([{row}]))[0]",
    "frames.predict(pd.DataFrame([{{'a': {0}, 'b': {1}}}]))[0]",
    "len(labels.predict([x['text']])[0])",
    "len(labels.predict([x['text'] + str({0})])[0])",
    "helper({0}, {row})",
    "helper({0}, row={row}, again=2)",
    "second({row})",
    "service.score({row}, shift={0})",
    "service({row})",
    "services['two'].score({row})",
    "models[x['n'] % 2].predict([{row}])[0]",
    "plain({0})",
    "ask({row})",
]
WRAPPED = [
    "({0} + {1})",
    "({0} if {1} > {0} else {1})",
    "({0} and {1})",
    "({0} or {1})",
    "max({0}, {1})",
    "float({0} < {1} < 9)",
    "sum([{call} for c in x['row']])",
    "sum({call} for c in x['row'] if c != {0})",
    "sum([{call} + sum([{call2} for d in x['row'] if d > c]) for c in x['row'][:2]])",
    "len({{c: {call} for c in x['row']}})",
    "sum(sorted({{{call} for c in x['row']}}))",
    "sum([m.predict([[abs(c) for c in x['row']]])[0] for m in models])",
    "sum([f({0}) for f in (abs, plain)])",
    'len(f"{{{0}:.3f}} {{{1}!r}}")',
    "(lambda c: c + {0})({1})",
    "next(c for c in x['row'] if c > {0})",
    "(w := {0}) + w",
    "{0} / {1}",
    "int({0}) % int({1})",
]


@st.composite
def expressions(draw, depth=2, in_loop=False):
    """Return the text of an expression that is a number, or an error."""
    leaves = LEAVES + (["c", "abs(c)"] if in_loop else [])
    kind = draw(st.integers(0, 9)) if depth else 0
    if kind < 2:
        return draw(st.sampled_from(leaves))
    inner = [draw(expressions(depth - 1, in_loop)) for _ in range(2)]
    row = draw(st.sampled_from(ROWS)).format(*inner)
    if kind < 7:
        return draw(st.sampled_from(CALLS)).format(*inner, row=row, model=draw(st.sampled_from(["model", "scaler"])))
    text = draw(st.sampled_from(WRAPPED))
    made = {}
    for name in ("call", "call2"):
        if "{" + name + "}" in text:
            made[name] = draw(expressions(depth - 1, True))
    return text.format(*inner, **made)


def indented(lines):
    """Return lines, one step further in."""
    return ["    " + line for line in lines]


@st.composite
def blocks(draw, depth=2, in_loop=False, in_helper=False):
    """Return the lines of some statements."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(statements(depth, in_loop, in_helper))
    return lines


@st.composite
def statements(draw, depth, in_loop, in_helper):  # noqa: PLR0911 - one for each kind
    """Return the lines of one statement."""
    value = draw(expressions(1 + (depth > 1)))
    name = draw(st.sampled_from(["v0", "v1", "v2"]))
    kind = draw(st.sampled_from(SIMPLE + (COMPOUND if depth else []) + (LOOP if in_loop else [])))
    if kind in SIMPLE or kind in LOOP:
        return kind.format(name=name, value=value, other=draw(expressions(1))).split("\n")
    body = draw(blocks(depth - 1, in_loop or kind in ("for", "while"), in_helper))
    if kind == "if":
        return [
            f"if {value} > {draw(expressions(1))}:",
            *indented(body),
            "else:",
            *indented(draw(blocks(depth - 1, in_loop))),
        ]
    if kind == "for":
        end = ["else:", *indented(draw(blocks(depth - 1)))] if draw(st.booleans()) else []
        return ["for v3 in x['row'][:2]:", "    v0 = v3", *indented(body), *end]
    if kind == "while":
        return ["v4 = 0", f"while v4 < 2 and {value} > 0:", "    v4 += 1", *indented(body)]
    if kind == "try":
        lines = ["try:", *indented(body)]
        caught = draw(
            st.sampled_from(["ValueError", "(KeyError, IndexError)", "ZeroDivisionError", "LookupError", "", None])
        )
        if caught is not None:
            lines += [f"except {caught}".rstrip() + (" as error:" if caught else ":")]
            lines += ["    x['ran'].append(str(error))"] if caught else []
            lines += indented(draw(blocks(depth - 1, in_loop)))
            if draw(st.booleans()):
                lines += ["else:", *indented(draw(blocks(depth - 1, in_loop)))]
        if caught is None or draw(st.booleans()):
            lines += ["finally:", f"    x['ran'].append({value})"]
        return lines
    if kind == "with":
        return ["with np.errstate(divide='ignore'):", *indented(body)]
    return ["def inner(v):", "    return v + v0", f"{name} = inner({value})", *body]


SIMPLE = [
    "{name} = {value}",
    "{name} = {value}",
    "{name} += {value}",
    "x['ran'].append({value})",
    "x['n'] = int({value})",
    "if {value} > {other}:\n    return {other}",
    "return {value}, {other}",
    "frame = pd.DataFrame([x['row']])\nx['row'][0] = {value}\n{name} = frames.predict(frame)[0]",
    "rows = scaler.transform([x['row']])\n{name} = {value}\n{name} = float(model.predict(rows)[0])",
    "v0, *rest = [{value}, {other}]",
    "assert {value} != {other}, {value}",
    "if {value} > 5:\n    raise KeyError({other})",
    "del {name}\n{name} = {value}",
    "rows = x['row']\nrows[-1] = {value}",
]
COMPOUND = ["if", "for", "while", "try", "try", "with", "def"]
LOOP = ["break", "if {value} > {other}:\n    continue"]


@st.composite
def notebooks(draw):
    """Return the text of a notebook."""
    parts = [HEAD]
    for header, start in (
        ("def second(row, n=3):", "x = {'n': n, 'row': list(row), 'text': 'abc', 'ran': []}"),
        ("def helper(y, row, *, again=1):", "x = {'n': again, 'row': [*row, y], 'text': 'q', 'ran': []}"),
        ("def predictor(x):", "v2 = 2.0"),
    ):
        lines = ["v0, v1, v2 = 0.5, x['n'], -1.0", "ask = plain_row if x['n'] % 2 else service"]
        lines = [start, *lines, *draw(blocks(2))]
        if header.startswith("def predictor"):
            lines += [f"v1 = {draw(expressions(2))}", "return [v0, v1, v2, x['ran']]"]
        else:
            lines += [f"return {draw(expressions(1)).replace('helper', 'plain_two').replace('second', 'plain_row')}"]
            lines = [line.replace("helper(", "plain_two(").replace("second(", "plain_row(") for line in lines]
        parts.append("\n".join([header, *indented(lines)]) + "\n")
    parts.insert(1, "def plain_row(row):\n    return float(len(row))\ndef plain_two(y, row, again=1):\n    return y\n")
    return "\n".join(parts)


SAMPLES = st.fixed_dictionaries(
    {
        "n": st.integers(-1, 4),
        "row": st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0, 4.0, 7]), min_size=2, max_size=3),
        "text": st.sampled_from(["", "a", "bcd", "x", "yx"]),
        "ran": st.just([]),
    },
    optional={"more": st.sampled_from([1.0, 5, None, "text"])},
)


class Frames:
    """Looks at frames."""

    def predict(self, frame):
        """Return the sums of rows."""
        if (frame.to_numpy() < -2).any():
            raise ValueError("too little in a frame")
        return [float(cell) for cell in frame.sum(axis=1)]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(
    text=notebooks(),
    samples=st.lists(SAMPLES, min_size=2, max_size=9),
    most=st.sampled_from([2, 3, 256]),
    watched=st.booleans(),
)
def test_a_generated_predictor_gives_each_sample_its_own_answer_and_error(text, samples, most, watched):
    try:
        namespace = notebook(text, model=Linear(), scaler=Linear(0.25), labels=Labels(), frames=Frames())
    except SyntaxError:
        # Of one text in another, before 3.12.
        reject()
    predictor = namespace["predictor"]
    form, reason = derive_batch_form.derive_form(predictor, "/nowhere")
    if form is None:
        event(f"refused: {reason.reason}")
        return
    watch = Watch() if watched else None
    expected = [alone(predictor, sample) for sample in samples]
    for kind in {kind for kind, _, _ in expected}:
        event(kind)
    actual = together(form, samples, most=most, watch=watch)
    assert repr(actual) == repr(expected)
    assert watch is None or watch.ended is None


@pytest.mark.parametrize("text", [HEAD])
def test_the_notebooks_around_them_are_notebooks(text):
    assert notebook(text, model=Linear(), scaler=Linear())["service"]([1.0]) == 2.0
