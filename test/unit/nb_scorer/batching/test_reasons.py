"""Why a predictor has no batch form, in words, and where: each by a function that is derived as it stands here."""

import functools
import pickle
import threading

import pytest
from nb_scorer.batching.rewrite import Underivable, derive

seen = []
count = 0
last = {}
lock = threading.Lock()


class Model:
    """Stands for a library's: the functions of this module are the author's, and this class is not."""

    def predict(self, rows):
        return [sum(row) for row in rows]


model = Model()
late = None


def is_own(value):
    return getattr(value, "__module__", None) == __name__ and value is not Model


def reason_of(function):
    with pytest.raises(Underivable) as reported:
        derive(function, is_own)
    line = reported.value.line
    return reported.value.reason, line and line - function.__code__.co_firstlineno + 1


def writes(x):
    global count  # noqa: PLW0603 - the subject of the test
    count += 1
    return model.predict([x])[0]


def stores(x):
    last["row"] = x
    return model.predict([x])[0]


def grows(x):
    seen.append(x)
    return model.predict([x])[0]


def locks(x):
    with lock:
        return model.predict([x])[0]


def loads(x):
    with open("model.pickle", "rb") as file:
        own = pickle.load(file)
    return own.predict([x])[0]


def trains(x):
    return model.predict(model.fit_transform([x]))[0]


def imports(x):
    import random

    x = [*x, random.random()]
    return model.predict([x])[0]


def sleeps(x):
    from time import sleep

    sleep(0)
    return model.predict([x])[0]


def sorts(x):
    return sorted([x], key=lambda row: model.predict([row])[0])


def computes(x):
    return x[0]


async def awaits(x):
    await x
    return model.predict([x])[0]


LOADS = "pickle.load loads from a file for each sample; load what it needs in a cell of its own, not in loads"


@pytest.mark.parametrize(
    ("function", "reason", "line"),
    [
        (writes, "it writes count, which keeps its value after the call", 3),
        (stores, "it writes last['row'], which keeps its value after the call", 2),
        (grows, "seen.append changes a list that keeps its value after the call", 2),
        (locks, "it calls a model inside 'with lock', which the samples of a batch can't enter one by one", 2),
        (
            loads,
            "pickle.load loads from a file for each sample; load what it needs in a cell of its own, not in loads",
            3,
        ),
        (trains, "model.fit_transform trains during predictions; predictions need transform", 2),
        (imports, "random.random draws random numbers", 4),
        (sleeps, "sleep waits, so the other samples of a batch would wait, too", 4),
        (sorts, "it calls a model only inside a lambda or an inner function; a loop would do", 2),
        (computes, "it calls no model method, such as predict or transform", 1),
        (awaits, "it awaits, so the other samples of a batch would wait, too", 2),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_reason_is_reported_with_its_line(function, reason, line):
    assert reason_of(function) == (reason, line)


def traced(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x)

    return wrapper


@traced
def decorated(x):
    return model.predict([x])[0]


def test_a_decorator_is_named():
    reason, _ = reason_of(decorated)
    assert reason == "decorated runs inside traced, which would treat a whole batch as one call"


def test_a_cell_that_is_timed_hides_its_source():
    names = {"__name__": __name__, "model": model}
    exec(compile("def hidden(x):\n    return model.predict([x])[0]", "<timed exec>", "exec"), names)
    reason, _ = reason_of(names["hidden"])
    assert reason == "the source of hidden can't be read; %%time hides it: define the function in a cell without"


def calls_itself(x):
    return calls_itself(x[1:]) + 1 if len(x) > 2 else model.predict([x])[0]


def loads_at_first_use(x):
    global late  # noqa: PLW0603 - allowed there
    if late is None:
        with open(__file__, "rb") as file:
            late = Model() if file else pickle.load(file)
    return late.predict([x])[0]


class Registry:
    def load_model(self):
        return model

    @functools.lru_cache(maxsize=8)  # noqa: B019 - as authors write it
    def from_pretrained(self, name):
        return Model()


@traced
def cleaned(name):
    return name.strip()


registry = Registry()


def asks_its_registry(x):
    own = registry.load_model() or registry.from_pretrained(cleaned("a"))
    return own.predict([x])[0]


@pytest.mark.parametrize("function", [calls_itself, loads_at_first_use, asks_its_registry])
def test_these_are_derived(function):
    assert len(derive(function, is_own).stops) == 1
