"""Generated predictors: random combinations of what notebooks contain, compared with Python itself."""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nb_native.refusal import Refusal

from unit.nb_native.translate.samples import ANY
from unit.nb_native.translate.stand_ins import Linear
from unit.nb_native.translate.translated import Translated

LEAVES = ["x['a']", "x['b']", "x[0]", "x[1]", "x[-1]", "x.get('a', 1)", "x.get('c')", "x", "1", "2.5", "0", "True", "None", "'a'",
          "len(x)", "float(x['a'])", "int(x['b'])", "float(x[0])", "model.predict([x])[0]", "numbered.predict([x])[0]",
          "model.predict_proba([x])[0][1]", "float(model.decision_function([x])[0])", "v", "w", "LIMIT"]  # fmt: skip
leaves = st.sampled_from(LEAVES)


# Each is compiled: a run of its own may ask for more.
EXAMPLES = int(os.environ.get("NB_NATIVE_EXAMPLES", "60"))


def combined(inner):
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "in"]), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map("({0[0]} {0[1]} {0[2]})".format),
        st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        inner.map("(not {})".format),
        inner.map("({} is None)".format),
        inner.map("(-{})".format),
        st.tuples(st.sampled_from(["int", "float", "bool", "abs", "round", "len", "str", "helper"]), inner).map(
            "{0[0]}({0[1]})".format
        ),
        inner.map("round({}, 2)".format),
        st.tuples(inner, inner).map("max({0[0]}, {0[1]})".format),
        st.tuples(inner, inner).map("[{0[0]}, {0[1]}]".format),
        st.tuples(inner, inner).map("{{'a': {0[0]}, 'b': {0[1]}}}".format),
        st.tuples(inner, st.sampled_from(["int", "float", "str", "(int, float)", "list", "dict"])).map(
            "isinstance({0[0]}, {0[1]})".format
        ),
        st.tuples(inner, inner).map("pair.predict([[{0[0]}, {0[1]}]])[0]".format),
        inner.map("{{'a': 1, 1: 'one', 2.5: None}}.get({})".format),
        inner.map("TABLE[{}]".format),
        st.tuples(inner, inner).map("[u for u in [{0[0]}, {0[1]}]][0]".format),
    )


expressions = st.recursive(leaves, combined, max_leaves=5)


def block(indent, inner):
    """Return statements of one level; `inner` are those of a deeper one."""
    pad = "    " * indent
    plain = st.one_of(
        expressions.map(f"{pad}v = {{}}".format),
        expressions.map(f"{pad}w = {{}}".format),
        st.tuples(st.sampled_from("vw"), st.sampled_from("+-*"), expressions).map(
            f"{pad}{{0[0]}} {{0[1]}}= {{0[2]}}".format
        ),
        expressions.map(f"{pad}assert {{}}".format),
        expressions.map(f"{pad}return {{}}".format),
    )
    if inner is None:
        return plain
    branch = st.tuples(expressions, inner, inner).map(f"{pad}if {{0[0]}}:\n{{0[1]}}\n{pad}else:\n{{0[2]}}".format)
    alone = st.tuples(expressions, inner).map(f"{pad}if {{0[0]}}:\n{{0[1]}}".format)
    loop = st.tuples(expressions, inner).map(f"{pad}for w in [1, {{0[0]}}]:\n{{0[1]}}".format)
    attempt = st.tuples(inner, inner).map(f"{pad}try:\n{{0[0]}}\n{pad}except Exception:\n{{0[1]}}".format)
    return st.one_of(plain, branch, alone, loop, attempt)


def lines(strategy):
    return st.lists(strategy, min_size=1, max_size=3).map("\n".join)


bodies = lines(block(1, lines(block(2, lines(block(3, None))))))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies, expressions)
def test_a_predictor_by_chance_answers_as_python_or_is_rejected(body, returned):
    text = f"""
LIMIT = 2
TABLE = ['zero', 1, 2.5, None]

def helper(value):
    if value == 1:
        return 0
    return value

def predictor(x):
    v = 1
    w = 0.5
{body}
    return {returned}
"""
    try:
        both = Translated(text, model=Linear(), pair=Linear(2), numbered=Linear(classes=(0, 1, 2)), np=np)
    except Refusal:
        return
    both.check(*ANY, beyond=True)
