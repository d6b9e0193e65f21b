"""The code of notebooks that several files of tests have."""

from pathlib import Path

ECHO = """
    def predictor(x):
        return x
    examples = [1]
"""
PLUS_ONE = """
    def predictor(x):
        return x + 1
    examples = [1]
"""
SLOW = """
    import time
    def predictor(x):
        if isinstance(x, dict):
            time.sleep(x["sleep"])
        return x
    examples = [1]
"""
DOUBLE = """
    def predictor(x):
        return x * 2

    examples = [1]
"""
LISTS = """
    def validator(x):
        return len(x) == 2

    def predictor(x):
        "Add two numbers."
        return float(x[0]) + x[1]

    examples = [[1, 2], [3.5, 4]]
"""
OBJECTS = """
    def predictor(x: dict) -> dict:
        return {"greeting": "hi " + x["name"], "next": x["age"] + 1}

    examples = [{"name": "a", "age": 1}, {"name": "b", "age": 2}]
"""
TROUBLE = """
    import os, sys, time

    def validator(x):
        if x == "raising":
            raise KeyError("words of the validator")
        return x != "refused"

    def predictor(x):
        if x == "fail":
            return 1 / 0
        if x == "exit":
            sys.exit(3)
        if x == "die":
            os._exit(7)
        if x == "hang":
            time.sleep(60)
        if x == "odd":
            return object()
        if x == "print":
            print("said by the notebook")
            os.write(1, b"said by its library\\n")
        return x.upper()

    examples = ["a", "b"]
"""


def waiting_for(path: Path) -> str:
    """Return cells whose `slow`, a part of a model, is loaded where `path` is a file; else loading waits for it."""
    return f"""
    import os, time
    def wait():
        while not os.path.exists({str(path)!r}):
            time.sleep(0.01)
    class Slow:
        def __reduce__(self):
            return wait, ()
    slow = Slow()
    """
