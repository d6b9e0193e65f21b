"""What a derived form does: each sample's own code, once, in its order, whatever is written around a model's call."""

import re

import pytest

from unit.nb_scorer.batching.forms import alone, assert_same, form_of, notebook, refusal_of, together
from unit.nb_scorer.batching.stand_ins import Labels, Linear

ROWS = [[1.0, 2.0], [3.0, -1.0], [0.5, 0.25], [-4.0, 1.0], [2.0, 2.0], [9.0, 1.0]]


def check(text, samples=ROWS, calls=None, **names):
    """Check a notebook's form against its predictor; `calls` are the rows of each call of the model."""
    model = Linear()
    form = assert_same(text, samples, model=model, labels=Labels(), **names)
    if calls is not None:
        assert model.calls[: len(calls)] == calls, model.calls
    return form


WRITTEN = {
    "as most do": """
        def predictor(x):
            return float(model.predict([x])[0])
        """,
    "as a lambda": "predictor = lambda x: float(model.predict([x])[0])",
    "with an early return and branches": """
        def predictor(x):
            if x[0] > 2:
                return "large"
            first = model.predict([x])[0]
            if first > 4:
                first += model.predict([x + [1.0]])[0]
            return float(first)
        """,
    "with try, except, else and finally": """
        def predictor(x):
            try:
                answer = float(model.predict([x])[0])
            except ValueError as error:
                answer = str(error)
            else:
                answer = [answer]
            finally:
                x.append("seen")
            return answer
        """,
    "with a return that finally overrides": """
        def predictor(x):
            try:
                return float(model.predict([x])[0])
            finally:
                return float(model.predict_proba([x])[0][0])
        """,
    "with an error in the handler of an error": """
        def predictor(x):
            try:
                return float(model.predict([x])[0])
            except ValueError:
                return model.predict([[-1.0 - x[1]]])[0]
        """,
    "with loops, break, continue and else": """
        def predictor(x):
            total = 0.0
            for cell in x:
                if cell == 3.0:
                    continue
                total += model.predict([[abs(cell)]])[0]
                if total > 15:
                    break
            else:
                total += 1
            while total > 10:
                total -= model.predict([[3.0]])[0]
            return float(total)
        """,
    "with comprehensions": """
        def predictor(x):
            numbers = [float(model.predict([[abs(cell)]])[0]) for cell in x if cell != 1.0]
            pairs = {cell: float(model.predict([[abs(cell)]])[0]) for cell in x}
            both = sorted({float(model.predict([[abs(a), abs(b)]])[0]) for a in x for b in x if a < b})
            return [numbers, pairs, both]
        """,
    "with a comprehension in a comprehension": """
        def predictor(x):
            rows = [x, [abs(cell) for cell in x]]
            return [[float(model.predict([[abs(cell) + abs(row[0])]])[0]) for cell in row] for row in rows]
        """,
    "with a comprehension in a comprehension's condition": """
        def predictor(x):
            return [a for a in x if sum([float(model.predict([[abs(a), abs(b)]])[0]) for b in x]) > 12]
        """,
    "with sum over a generator": """
        def predictor(x):
            return sum(float(model.predict([[abs(cell)]])[0]) for cell in x)
        """,
    "with names that the derived function takes too": """
        def is_called(v):
            return v > 3
        def predictor(x):
            rows_ = made_ = comprehension_1 = x
            return [float(model.predict([[abs(cell), abs(rows_[0]), abs(made_[0])]])[0]) for cell in rows_], is_called(
                x[0]), comprehension_1
        """,
    "with locals that are called": """
        def predictor(x):
            is_called = abs
            ask = lambda v: v + 1
            return is_called(x[0]), ask(x[1]), float(model.predict([[is_called(x[0])]])[0])
        """,
    "with a helper, its defaults and keywords": """
        def helper(x, y=1.0, *rest, factor=2.0, **more):
            return float(model.predict([[abs(cell) * factor + y for cell in x]])[0]) + len(rest) + len(more)
        def predictor(x):
            return helper(x) + helper(x, 2.0, 3.0) + helper(x, factor=3.0, z=1) + helper(y=0.5, x=x)
        """,
    "with a model as a helper's parameter": """
        def ask(which, x, what=len):
            return float(which.predict([x])[0]) + what(x)
        def predictor(x):
            return ask(model, x)
        """,
    "with a helper that calls itself": """
        def depth(x, left=2):
            if not left:
                return float(model.predict([x])[0])
            return depth(x, left - 1) + 1
        def predictor(x):
            return depth(x) + float(model.predict([x])[0])
        """,
    "calling itself": """
        def predictor(x):
            if x[0] > 2:
                return predictor([x[0] - 1, x[1]])
            return float(model.predict([x])[0])
        """,
    "as a lambda that reads a global called function": """
        function = 3
        predictor = lambda x: float(model.predict([x])[0]) + function
        """,
    "with a function within": """
        def predictor(x):
            def scaled(cell):
                return cell * len(x)
            row = [scaled(cell) for cell in x]
            return float(model.predict([row])[0])
        """,
    "with what is unpacked, conditional, chained, formatted and deleted": """
        def predictor(x):
            first, *rest = x
            answer = model.predict([x])[0] if first < 9 else model.predict([rest])[0]
            okay = 0 < model.predict([rest + [5.0]])[0] < 12 and model.predict([[first + 5.0]])[0]
            text = f"{answer:.2f} {float(model.predict([[abs(first)]])[0])!r:>8}"
            del rest
            assert first != 0.5, text
            return [float(answer), float(okay), text]
        """,
    "with async def that awaits nothing": """
        async def predictor(x):
            return float(model.predict([x])[0])
        """,
    "with an iteration that ends": """
        def predictor(x):
            float(model.predict([[1.0]])[0])
            return next(iter(x[2:]))
        """,
    "with a hint for a local name and one for a parameter": """
        def predictor(x: "no such name", *, y: int = 3) -> "nor this":
            z: "or this" = y
            return float(model.predict([x])[0]) + z
        """,
    "with functions within that change what is the sample's": """
        def predictor(x):
            count, seen = 0, []
            def note(y):
                nonlocal count
                count += 1
                seen.append(y)
                here = {}
                here[y] = y
            class Row:
                length = len(x)
            for cell in x:
                note(cell)
            return float(model.predict([seen + [Row.length]])[0]) + count
        """,
    "with a docstring": '''
        def predictor(x):
            """Say."""
            return float(model.predict([x])[0])
        ''',
    "with what is set on first use": """
        factor = None
        def predictor(x):
            global factor
            if factor is None:
                factor = 3.0
            return float(model.predict([x])[0]) * factor
        """,
    "with its own class": """
        class Base:
            def score(self, row, plus=0.0):
                return float(self.model.predict([row])[0]) + plus
        class Service(Base):
            def __init__(self):
                self.model, self.__secret = model, 4.0
            def score(self, row, plus=0.0):
                return float(self.model.predict([row])[0]) * self.__secret + plus
            def __call__(self, row):
                return self.score(row, plus=1.0) + self.__hidden(row)
            def __hidden(self, __row):
                return float(self.model.predict([__row])[0]) + self.__secret
        service = Service()
        ask = service.score
        def predictor(x):
            return service(x) + service.score(x) + ask(x, plus=3.0)
        """,
    "with a method that is another object's": """
        class Service:
            def __init__(self, plus):
                self.plus = plus
            def score(self, row):
                return float(model.predict([row])[0]) + self.plus
        one, other = Service(1.0), Service(2.0)
        one.ask = other.score
        def predictor(x):
            return one.ask(x), one.score(x)
        """,
    "with super()": """
        class Base:
            def prepare(self, row):
                return [cell + 1 for cell in row]
        class Service(Base):
            def prepare(self, row):
                return super().prepare(row) + [float(model.predict_proba([row])[0][0])]
            def score(self, row):
                return float(model.predict([self.prepare(row)])[0])
        predictor = Service().score
        """,
    "with a class derived from a library's": """
        class Mine(type(model)):
            pass
        mine = Mine()
        mine.calls = model.calls
        def predictor(x):
            return float(mine.predict([x])[0])
        """,
    "with a coroutine of a helper that somebody else awaits": """
        import asyncio
        async def helper(x):
            return float(model.predict([x])[0])
        def predictor(x):
            loop = asyncio.new_event_loop()
            try:
                first = loop.run_until_complete(helper(x))
            finally:
                loop.close()
            return first + float(model.predict([x])[0])
        """,
    "with a decorator whose wrapper is the author's own": """
        def logged(function):
            def wrapper(x):
                return [function(x)]
            return wrapper
        @logged
        def predictor(x):
            return float(model.predict([x])[0])
        """,
    "as a partial with keywords": """
        import functools
        def scaled(factor, x, plus=0.0):
            return float(model.predict([x])[0]) * factor + plus
        predictor = functools.partial(functools.partial(scaled, 2.0), plus=1.0)
        """,
    "as a callable object": """
        class Predictor:
            def __init__(self, plus):
                self.plus = plus
            def __call__(self, x):
                return float(model.predict([x])[0]) + self.plus
        predictor = Predictor(3.0)
        """,
    "with a closure": """
        def make(model, plus):
            def predict(x):
                return float(model.predict([x])[0]) + plus
            return predict
        predictor = make(model, 3.0)
        """,
    "with a closure that knows itself": """
        def make():
            def predict(x):
                if x[0] > 2:
                    return predict([x[0] - 1, x[1]])
                return float(model.predict([x])[0])
            return predict
        predictor = make()
        """,
    "with the floating-point errors of numpy left alone": """
        import numpy as np
        def predictor(x):
            with np.errstate(divide="ignore"):
                return float(model.predict([x])[0])
        """,
    "with a table in a match": """
        def predictor(x):
            match x:
                case [first, second] if first > 2:
                    return float(model.predict([[second + 5.0]])[0])
                case [first, *rest]:
                    return float(model.predict([x])[0]) + len(rest)
        """,
    "with walrus": """
        def predictor(x):
            if (p := float(model.predict([x])[0])) > 4:
                return p
            return [p, (y := p + 1), y]
        """,
}


def resulting(outcome):
    """Return an outcome, with what a coroutine returns in its place."""
    kind, answer, sample = outcome
    if kind == "answer" and hasattr(answer, "send"):
        try:
            answer.send(None)
        except StopIteration as stop:
            return kind, stop.value, sample
        except BaseException as error:  # noqa: BLE001 - notebooks raise what they like
            return "error", (type(error), str(error)), sample
    return outcome


@pytest.mark.parametrize("text", [pytest.param(text, id=what) for what, text in WRITTEN.items()])
def test_each_sample_gets_what_predictor_alone_makes_of_it(text):
    model = Linear()
    predictor = notebook(text, model=model)["predictor"]
    form = form_of(predictor)
    expected = [resulting(alone(predictor, sample)) for sample in ROWS]
    model.calls.clear()
    assert together(form, ROWS) == expected
    assert max(model.calls) > 1, "nothing was asked together"
    for most in (2, 3):
        assert together(form, ROWS, most=most) == expected
    # The namespace and the function are as they were.
    assert [resulting(alone(predictor, sample)) for sample in ROWS] == expected


def test_rows_that_come_to_one_call_share_it():
    check(WRITTEN["as most do"], [[1.0], [2.0], [3.0]], calls=[3])


REFUSED = [
    ("global count\n    count = count + 1\n    return model.predict([x])[0]", "it writes count", 3),
    ("seen[0] = x\n    return model.predict([x])[0]", "it writes seen[0]", 2),
    ("model.count = 1\n    return model.predict([x])[0]", "it writes model.count", 2),
    ("del seen[0]\n    return model.predict([x])[0]", "it writes seen[0]", 2),
    (
        "seen.append(x)\n    return model.predict([x])[0]",
        "seen.append changes a list that keeps its value after the call",
        2,
    ),
    ("model.fit([x])\n    return model.predict([x])[0]", "model.fit trains during predictions", 2),
    ("with lock:\n        return model.predict([x])[0]", "it calls a model inside 'with lock'", 2),
    ("lock.acquire()\n    return model.predict([x])[0]", "lock.acquire blocks other samples", 2),
    ("signal.alarm(1)\n    return model.predict([x])[0]", "signal.alarm sets an alarm or a handler for all samples", 2),
    ("return model.predict([[random.random()]])[0]", "random.random draws random numbers", 2),
    ("return model.predict([[np.random.normal()]])[0]", "np.random.normal draws random numbers", 2),
    ("return model.predict([[rng.normal()]])[0]", "rng.normal draws random numbers", 2),
    ("return model.predict([x])[0], time.time()", "time.time reads the clock", 2),
    ("return model.predict([x])[0], dt.datetime.now()", "dt.datetime.now reads the clock", 2),
    ("open('f')\n    return model.predict([x])[0]", "open reads or writes outside the process", 2),
    ("subprocess.run(['ls'])\n    return model.predict([x])[0]", "subprocess.run reads or writes outside", 2),
    ("return [model.predict([c])[0] for c in x if (y := c)]", "uses :=", 2),
    ("return x", "it calls no model method", 2),
    ("return (lambda v: model.predict([v])[0])(x)", "it calls a model only inside a lambda", 2),
    ("yield model.predict([x])[0]", "predictor is a generator", 2),
    # In functions within.
    ("def f():\n        global count\n        count = 1\n    return model.predict([x])[0], f()", "it writes count", 3),
    ("def f(y):\n        seen[0] = y\n    return model.predict([x])[0], f(x)", "it writes seen[0]", 3),
    ("def f(y):\n        seen.append(y)\n    return model.predict([x])[0], f(x)", "seen.append changes a list", 3),
    ("f = lambda y: y + random.random()\n    return f(model.predict([x])[0])", "random.random draws", 2),
    # Imported by the function itself.
    ("import random as r\n    return model.predict([[r.random()]])[0]", "r.random draws random numbers", 3),
    ("from time import time as t\n    return model.predict([x])[0], t()", "t reads the clock", 3),
]


@pytest.mark.parametrize(("body", "reason", "line"), REFUSED)
def test_what_reaches_past_the_sample_is_rejected_with_its_line(body, reason, line):
    text = "import datetime as dt, random, signal, subprocess, threading, time\nimport numpy as np\n"
    text += "rng, lock, seen, count = np.random.default_rng(0), threading.Lock(), [0], 0\n"
    said, where = refusal_of(f"{text}def predictor(x):\n    {body}\n", model=Linear())
    assert reason in said
    # Of a whole function its first line.
    assert where == line + 3 - (body == "return x" or "yield" in body)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("async def predictor(x):\n    await asyncio.sleep(0)\n    return model.predict([x])[0]", "it awaits"),
        ("async def predictor(x):\n    async with lock:\n        return model.predict([x])[0]", "it awaits"),
        ("async def predictor(x):\n    async for y in x:\n        return model.predict([y])[0]", "it awaits"),
        ("async def predictor(x):\n    y = [z async for z in x]\n    return model.predict([y])[0]", "it awaits"),
        (
            "import functools\n@functools.lru_cache(1)\ndef predictor(x):\n    return model.predict([x])[0]",
            "caches its predictions",
        ),
        (
            "predictor = model.predict",
            "is not a plain function|the source of predict can't be read|calls no model method",
        ),
        ("exec('def predictor(x): return model.predict([x])[0]')", "the source of predictor can't be read"),
    ],
)
def test_what_can_not_be_followed_is_rejected(text, reason):
    assert re.search(
        reason, refusal_of("import asyncio, threading\nlock = threading.Lock()\n" + text, model=Linear())[0]
    )


def test_a_wrapper_that_hides_what_it_wraps_is_rejected():
    text = """
        import functools
        def twice(function):
            @functools.wraps(function)
            def wrapper(x):
                return function(x) * 2
            return wrapper
        @twice
        def predictor(x):
            return model.predict([x])[0]
        """
    assert refusal_of(text, model=Linear()) == (
        "predictor runs inside twice, which would treat a whole batch as one call",
        8,
    )


def test_the_reason_in_a_helper_names_the_helper_s_line():
    text = """
        seen = {}
        def helper(x):
            seen[str(x)] = 1
            return model.predict([x])[0]
        def predictor(x):
            return helper(x)
        """
    assert refusal_of(text, model=Linear()) == ("it writes seen[str(x)], which keeps its value after the call", 4)


def test_objects_that_raise_when_they_are_looked_at_keep_no_model_from_being_saved():
    class Awkward:
        def __getattr__(self, name):
            raise RuntimeError(f"nobody asks for {name}")

    text = "def predictor(x):\n    return awkward(x), model.predict([x])[0]\n"
    reason, _ = refusal_of(text, model=Linear(), awkward=Awkward())
    assert reason.startswith("it can't be followed (RuntimeError: nobody asks for ")
