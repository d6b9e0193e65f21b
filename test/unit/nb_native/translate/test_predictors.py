"""Predictors as notebooks write them: the C says what Python says, for samples of all types."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from unit.nb_native.translate.samples import ANY, samples
from unit.nb_native.translate.stand_ins import Linear
from unit.nb_native.translate.translated import Translated

NAMES = {"setosa": "Iris setosa", "versicolor": "Iris versicolor", "virginica": "Iris virginica"}


def helper(name):
    return {
        "model": Linear(),
        "single": Linear(dtype=np.float32),
        "pair": Linear(2),
        "numbered": Linear(classes=(0, 1, 2)),
        "np": np,
        "NAMES": NAMES,
        "LIST": ["low", "middle", "high"],
        "scaler": Linear(),
        "bare": Linear(1),
        "WEIGHTS": np.array([0.5, -1.25, 2.0, 0.125]),
    }


WRITTEN = {
    "a row": "return model.predict([x])[0]",
    "an array of a row": "return model.predict(np.array([x]))[0]",
    "reshape": "return model.predict(np.array(x).reshape(1, -1))[0]",
    "asarray of floats": "return model.predict(np.asarray(x, dtype=float).reshape(1, -1))[0]",
    "an array of floats": "return model.predict(np.array([x], dtype=float))[0]",
    "asarray of float32": "return float(model.decision_function(np.asarray([x], dtype=np.float32))[0])",
    "a new axis": "return model.predict(np.array(x)[None, :])[0]",
    "probabilities": "return model.predict_proba([x])[0].tolist()",
    "one probability": "return float(model.predict_proba([x])[0][1])",
    "one probability by a tuple": "return float(model.predict_proba([x])[0, 1])",
    "the largest": "return model.predict_proba([x])[0].max()",
    "max of Python": "return float(max(model.predict_proba([x])[0]))",
    "argmax": "return int(np.argmax(model.predict_proba([x])[0]))",
    "argmax as a method": "return LIST[model.predict_proba([x])[0].argmax()]",
    "argmax of rows": "return LIST[int(np.argmax(model.predict_proba([x]), axis=1)[0])]",
    "argmax of all": "return int(np.argmax(model.predict_proba([x])))",
    "classes by argmax": "return model.classes_[np.argmax(model.predict_proba([x])[0])]",
    "label to name": "return NAMES[model.predict([x])[0]]",
    "label with get": "return {'a': NAMES.get(str(model.predict([x])[0]), 'unknown')}",
    "numbered label": "label = int(numbered.predict([x])[0])\nreturn LIST[label]",
    "numbered label by item": "return {'label': numbered.predict([x])[0].item()}",
    "arithmetic with a label": "return numbered.predict([x])[0] * 2 + 1",
    "label in a text": "return f'it is {model.predict([x])[0]}!'",
    "labels compared": "return [numbered.predict([x])[0] != 1, 1 < numbered.predict([x])[0], not numbered.predict([x])[0] > 5]",
    "label in a text with +": "return 'class-' + str(numbered.predict([x])[0])",
    "label compared": "return 'yes' if model.predict([x])[0] == 'setosa' else 'no'",
    "label in": "return bool(model.predict([x])[0] in ('setosa', 'virginica'))",
    "dict of probabilities": "p = model.predict_proba([x])[0]\nreturn {c: float(v) for c, v in zip(model.classes_, p)}",
    "dict by zip": "return dict(zip(model.classes_.tolist(), model.predict_proba([x])[0].tolist()))",
    "label and probability": "i = model.predict_proba([x])[0]\nreturn {'label': model.predict([x])[0], 'p': round(float(i.max()), 3)}",
    "threshold": "p = model.predict_proba([x])[0][1]\nreturn {'spam': bool(p > 0.2), 'p': float(p)}",
    "threshold to a label": "return LIST[int(model.predict_proba([x])[0][1] > 0.2)]",
    "list by a truth": "return ['no', 'yes'][model.predict_proba([x])[0][1] >= 0.2]",
    "transformed first": "return model.predict(scaler.transform([x]))[0]",
    "regression": "return float(model.decision_function([x])[0])",
    "regression of numpy": "return model.decision_function([x])[0]",
    "regression item": "return model.decision_function([x]).item()",
    "regression list": "return model.decision_function([x]).tolist()",
    "float32": "return single.decision_function([x])[0]",
    "float32 as float": "return round(float(single.decision_function([x])[0]), 2)",
    "float32 arithmetic": "return single.decision_function([x])[0] * 2 + 1",
    "float32 compared": "return 'a' if single.decision_function([x])[0] > 0.1 else 'b'",
    "rounded by Python": "return round(float(model.decision_function([x])[0]), 2)",
    "rounded by numpy": "return round(model.decision_function([x])[0], 2)",
    "rounded to whole": "return round(float(model.decision_function([x])[0]))",
    "rounded numpy to whole": "return round(model.decision_function([x])[0])",
    "max with 0": "return max(0.0, float(model.decision_function([x])[0]))",
    "max of numpy and 0": "return max(model.decision_function([x])[0], 0)",
    "numpy divided": "return model.decision_function([x])[0] / x[0]"
    if False
    else "v = float(x[0])\nreturn model.decision_function([x])[0] / v",
    "numpy // and %": "v = float(x[0])\nr = model.decision_function([x])[0]\nreturn [r // v, r % v]",
    "exp": "import math\nreturn math.exp(float(model.decision_function([x])[0]))",
    "np.exp": "return float(np.exp(model.decision_function([x])[0]))",
    "np.log1p and np.expm1": "return np.expm1(pair.decision_function([[np.log1p(abs(float(x['a']))), np.log10(float(x['b']) ** 2 + 1)]])[0])",
    "np.exp of all": "return np.exp(model.decision_function([x]))[0]",
    "items": "return model.predict([[x[0], x[1], x[2], x[3]]])[0]",
    "items of floats": "return model.predict([[float(v) for v in x]])[0]",
    "items by map": "return model.predict([list(map(float, x))])[0]",
    "slices": "return model.predict([x[:4]])[0]",
    "a slice from the end": "return pair.predict([x[-2:]])[0]",
    "unpacking": "a, b, c, d = x\nreturn model.predict([[d, c, b, a]])[0]",
    "unpacking two": "a, b = x\nreturn [b, a]",
    "fields": "return pair.predict([[x['a'], x['b']]])[0]",
    "fields with defaults": "return pair.predict([[x.get('a', 0), x.get('b', 1.5)]])[0]",
    "fields by a list": "return pair.predict([[x[name] for name in ['a', 'b']]])[0]",
    "computed fields": "return pair.predict([[x['a'] / 2, x['a'] * x['b']]])[0]",
    "logs": "return pair.predict([[np.log(abs(float(x['a'])) + 1), 1.0]])[0]",
    "constants beside": "return model.predict([[1, 2.5, True, x[0]]])[0]",
    "null beside": "return model.predict([[None, x[0], x[1], 1]])[0]",
    "fields reshaped": "return pair.predict(np.array([x['a'], x['b']]).reshape(1, -1))[0]",
    "fields reshaped as floats": "return pair.predict(np.array([x['a'], x['b']], dtype=float).reshape(1, -1))[0]",
    "reshaped to a width": "return model.predict(np.array(x).reshape(1, 4))[0]",
    "reshaped to another width": "return pair.predict(np.array(x).reshape(1, 4))[0]",
    "a list copied and reshaped": "return model.predict(np.array([float(v) for v in x]).reshape(1, -1))[0]",
    "an array kept": "rows = np.array(x)\nif isinstance(x, list) and len(x) == 2:\n    return 'two'\nreturn 'other'",
    "an array of floats kept": "rows = np.array([x], dtype=float)\nreturn 'fine'",
    "a list kept": "row = [float(v) for v in x]\nif len(x) == 1:\n    return 'one'\nreturn model.predict([row])[0]",
    "truths divided": "a, b = float(x['a'] > 1), float(x['b'] > 0)\nreturn [(a + 1) / (b + 1), a / 2, int(x['a'] > 1) / 2]",
    "truths in a row": "return pair.predict([[x['a'] > 1, float(x['b'] > 0)]])[0]",
    "one feature": "return bare.predict([[x]])[0]",
    "echo": "return x",
    "echo in a dict": "return {'input': x, 'n': 1}",
    "item": "return x[0]",
    "last item": "return [x[-1], x[1]]",
    "field": "return x['a']",
    "field of a field": "return x['a']['c']",
    "get": "return x.get('c')",
    "get with default": "return x.get('a', 'none')",
    "int": "return int(x)",
    "int of a field": "return [int(x['a']), int(x['b'])]",
    "float": "return float(x['a'])",
    "bool": "return bool(x)",
    "not": "return not x",
    "len": "return len(x)",
    "len of a field": "return len(x['a'])",
    "type": "return type(x) is int",
    "sum": "return sum(x)",
    "sum of items": "return x[0] + x[1] * 2 - x[2]" if False else "return float(x[0]) + float(x[1])",
    "difference": "return x['a'] - x['b']",
    "division": "return x['a'] / x['b']",
    "floor division": "return x['a'] // x['b']",
    "power": "return x['a'] ** 2",
    "root": "return x['a'] ** 0.5",
    "negative": "return -x['a']",
    "positive": "return +x['a']",
    "abs": "return abs(x['a'])",
    "round": "return round(x['a'])",
    "round to 1": "return round(x['a'], 1)",
    "chain": "return 0 < x['a'] <= 3",
    "and": "return x['a'] > 0 and x['b'] > 0",
    "and of values": "return bool(x['a'] and x['b'])",
    "or with default": "return x['a'] or 'nothing'",
    "is None": "return 'none' if x is None else 'some'",
    "equal": "return [x == 1, x == 'a', x != None, x == True]",
    "equal to a list": "return x == [1, 2]",
    "in constants": "return x in (1, 'a', None)",
    "in a dict": "return x in NAMES" if False else "return x in {'a': 1, 1: 2}",
    "has a field": "return 'a' in x",
    "looked up": "return {'a': 1, 'ab': 2.5, 1: 'one', None: []}[x]",
    "looked up with get": "return {'a': 1, 'ab': 2.5}.get(x, -1)",
    "index in a list": "return [LIST.index(x['a']) if x['a'] in LIST else -1, ('a', 1, 2.5, 'x', None, 1).index(x['a'])]",
    "index of a number": "return (0.5, 1, 'a', True, 3).index(float(x['a']))",
    "looked up in a list": "return LIST[x]",
    "isinstance": "return [isinstance(x, int), isinstance(x, (int, float)), isinstance(x, str), isinstance(x, dict)]",
    "isinstance and compare": "return isinstance(x, (int, float)) and x > 1",
    "branches": """
        if x[0] > 2:
            return 'large'
        elif x[1] < 0:
            return {'b': x[1]}
        return model.predict([x])[0]
        """,
    "a branch that sets": """
        kind = 'small'
        score = 0
        if x['a'] > 2:
            kind = 'large'
            score = x['a'] * 2.0
        return {'kind': kind, 'score': score}
        """,
    "nested branches": """
        if x['a'] > 0:
            if x['b'] > 0:
                return 'both'
            level = 1
        else:
            level = 2
        return level + x['b']
        """,
    "a conditional value": "v = x['a'] if x['a'] > 0 else 0\nreturn v + 1",
    "a conditional text": "return 'high' if x['a'] > 2 else 'middle' if x['a'] > 0 else 'low'",
    "a loop": """
        total = 0
        for name, weight in [('a', 2), ('b', 0.5)]:
            total += x[name] * weight
        return total - 1
        """,
    "a loop that returns": """
        for name in ['a', 'b']:
            if x[name] < 0:
                return name
        return 'none'
        """,
    "a loop that breaks": """
        found = None
        for place in range(4):
            if x[place] > 1:
                found = place
                break
        return found
        """,
    "a loop that goes on": """
        count = 0
        for place in range(4):
            if x[place] < 0:
                continue
            count += 1
        return count
        """,
    "a loop with else": """
        for name in ['a', 'b']:
            value = float(x[name])
        else:
            value += 1
        return value
        """,
    "append": """
        row = []
        for name in ['a', 'b']:
            row.append(float(x[name]))
        return pair.predict([row])[0]
        """,
    "a dict that grows": """
        answer = {}
        answer['first'] = x[0]
        answer.update(second=x[1])
        return answer
        """,
    "assert": "assert x['a'] > 0, 'no'\nreturn 1 / x['a']",
    "raise": "if not isinstance(x, list):\n    raise ValueError('a list')\nreturn len(x)",
    "checked length": "assert len(x) == 4\nreturn [float(v) * 2 for v in x]",
    "checked length of a list": "if not isinstance(x, list) or len(x) != 2:\n    return None\nreturn [v for v in x]",
    "checked types": """
        if not isinstance(x, list) or len(x) != 4 or not all(isinstance(v, (int, float)) for v in x):
            return {'error': 'four numbers'}
        return model.predict([x])[0]
        """,
    "types known": """
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            return x * 2
        return None
        """,
    "all": "return all(v > 0 for v in x)",
    "all of a map": "return all(map(lambda v: v > 0, [x['a'], x['b']]))",
    "any of a map": "return any(map(lambda v: v > 0, [x['a'], x['b']]))",
    "any of a map of the sample": "return any(map(lambda v: v > 0, x))",
    "a sum of a map": "total = 0.0\nfor k, v in zip((2, 3), map(float, [x['a'], x['b']])):\n    total += k * v\nreturn total",
    "any with if": "return any(v == 1 for v in x if v != 2)",
    "all over names": "return all(name in x for name in ('a', 'b'))",
    "largest of the sample": "return max(x) > 2",
    "an array of items": "return float(np.array([float(x[0]), float(x[1])]).sum())",
    "an array doubled": "return (np.array([float(x[0]), float(x[1])]) * 2 + 1).tolist()",
    "mean of an array": "return np.mean([float(x[0]), float(x[1]), 2.0])",
    "an array compared": "return (np.array([float(x[0]), 1.5]) > 1).tolist()",
    "match of a label": """
        match model.predict([x])[0]:
            case 'setosa':
                return 0
            case 'versicolor' | 'virginica' as found:
                return [1, found]
        """,
    "match of a part of the sample": """
        match x.get('a'):
            case None:
                return 'nothing'
            case 'x' | 'y':
                kind = 'letter'
            case 1 | 2.5 if x.get('b') == 2:
                kind = 'number'
            case True:
                kind = 'truth'
            case other:
                return [other]
        return kind
        """,
    "match without a case that fits": """
        kind = 'none'
        match x:
            case 1:
                kind = 'one'
            case 'a':
                kind = 'text'
        return kind
        """,
    "try to read a number": """
        try:
            value = float(x['a'])
        except (ValueError, TypeError, KeyError):
            return {'error': 'a must be a number'}
        return value * 2
        """,
    "try with a default": """
        row = []
        for name in ('a', 'b'):
            try:
                row.append(float(x[name]))
            except Exception:
                row.append(0.5)
        return pair.predict([row])[0]
        """,
    "try in a helper": """
        def number(value, default=0.0):
            try:
                return float(value)
            except (TypeError, ValueError):
                return default
        return [number(x['a']), number(x.get('b'), 1.5) / 2]
        """,
    "try a model": """
        try:
            return {'label': model.predict([x])[0]}
        except:
            return {'label': None}
        """,
    "try again": """
        try:
            value = int(x['a'])
        except Exception:
            try:
                value = int(x['b'])
            except Exception:
                raise ValueError('no number')
        return value
        """,
    "try in a loop that goes on": """
        total, value = 0, None
        for name in ('a', 'b'):
            try:
                value = float(x[name])
            except Exception:
                continue
            total += value
        return [total, value is None]
        """,
    "a product of arrays": """
        assert isinstance(x, list) and len(x) == 4 and all(isinstance(v, (int, float)) for v in x)
        row = np.array(x)
        return [float(WEIGHTS @ row), np.dot(row, WEIGHTS) + 1, np.dot(WEIGHTS, x), float(np.dot([x[0], 1.5], np.array([0.25, x[1] / 3])))]
        """,
    "a product of arrays of several lengths": "return np.dot(np.array([float(x['a']), 1.0]), WEIGHTS)",
    "a walrus": "if (v := x['a']) > 1:\n    return v\nreturn -1",
    "a lambda": "double = lambda v: v * 2.0\nreturn double(float(x['a']))",
    "an inner function": "def half(v):\n    return v / 2\nreturn half(x['a'])",
    "starred": "first, *rest = [float(x[0]), 2, 3]\nreturn [*rest, first]",
    "nothing": "x",
    "True and 1": "return [True + x[0], x[0] == True]",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_program_answers_as_python(name):
    body = WRITTEN[name]
    import textwrap

    text = "def predictor(x):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    both = Translated(text, **helper(name))
    both.check(*ANY, b"1e400", b"[1e400, 1, 1, 1]", b"-0", b"[-0, -0.0]", b'{"a": 1, "b": 2, "a": 3}', beyond=True)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples)
    def more(sample):
        both.check(sample, beyond=True)

    more()
