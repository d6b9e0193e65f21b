"""A notebook's text as a shared object that tests ask, next to the notebook's own functions in Python."""

import atexit
import ctypes
import functools
import itertools
import json
import linecache
import shutil
import subprocess
import tempfile
import textwrap
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nb_native import estimators
from nb_native.refusal import Refusal
from nb_native.translate import program
from nb_scorer.model import functions, json_codec
from nb_scorer.model.misfit import Misfit

import shared

RUNTIME = Path(__file__).parents[4] / "s2i/nb_native/runtime"
HERE = Path(__file__).parent
OK, REFUSED, FAILED, BEYOND, MISFIT = range(5)
FLAGS = [
    "-std=c11",
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fPIC",
    "-fsanitize=undefined",
    "-fno-sanitize-recover=all",
    "-DNB_BRANCHES",
]
_numbers = itertools.count()


@functools.cache
def _folder():
    """Return a folder of this process, for models."""
    folder = Path(tempfile.mkdtemp(prefix="nb-translate-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _objects():
    """Return the runtime's part that a model needs, compiled by the first process of the run that needs it."""
    return shared.once("translate", _compile_runtime)


def _compile_runtime():
    folder = shared.folder() / "translate-objects"
    folder.mkdir(exist_ok=True)
    parts = [RUNTIME / f"nb_{name}.c" for name in ("json", "numbers", "output", "math", "misfit", "text")]
    made = [folder / f"{path.stem}.o" for path in (HERE / "asking.c", *parts)]
    for path, target in zip((HERE / "asking.c", *parts), made):
        subprocess.run(["gcc", *FLAGS, f"-I{RUNTIME}", "-c", path, "-o", target], check=True)
    return made


def notebook(text, **names):
    """Return the names that a notebook's cell defines; its functions have a source, as in a kernel."""
    text = textwrap.dedent(text)
    file = f"<cell {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    names["__name__"] = "__main__"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(text, file, "exec"), names)
    return names


class Translated:
    """A notebook's functions: as C that is asked by `native`, and as Python by `python`."""

    def __init__(self, text, **names):
        """Translate and compile; raises Refusal."""
        self.names = notebook(text, **names) if isinstance(text, str) else {"predictor": text, **names}
        self.model = SimpleNamespace(
            predictor=self.names.get("predictor", lambda x: None), validator=self.names.get("validator")
        )
        if "predictor" not in self.names:
            self.model.predictor = notebook("def predictor(x):\n    return None")["predictor"]
        self.source = program(self.model)
        number = next(_numbers)
        source, library = _folder() / f"model{number}.c", _folder() / f"model{number}.so"
        source.write_text(self.source)
        done = subprocess.run(
            ["gcc", *FLAGS, f"-I{RUNTIME}", "-shared", source, *_objects(), "-o", library],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + self.source
        self._library = ctypes.CDLL(str(library))
        self._made = ctypes.create_string_buffer(1 << 20)

    def native(self, body, is_validator=False):
        """Return (status, what it wrote) for a body of JSON."""
        length = ctypes.c_size_t(0)
        status = self._library.ask(
            int(is_validator), body, ctypes.c_size_t(len(body)), self._made, ctypes.byref(length)
        )
        return status, self._made.raw[: length.value].decode("utf-8", "surrogatepass")

    def branches(self):
        """Return [[times false, times true]] of each condition so far."""
        count = self.source.count("NB_BRANCH(") and int(self.source.split("uint32_t nb_branches[")[1].split("]")[0])
        array = (ctypes.c_uint32 * (2 * count)).in_dll(self._library, "nb_branches")
        return [list(array[2 * place : 2 * place + 2]) for place in range(count)]

    def python(self, body):
        """Return (status, answer or the error) of Python's own predictor."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return OK, json_codec.encode(self.model.predictor(json_codec.decode(body))).decode()
            except Misfit as misfit:
                return MISFIT, str(misfit)
            except Exception as error:
                return FAILED, repr(error)

    def verdict(self, body):
        """Return (status, reason) of Python's own validator."""
        try:
            reason = functions.rejection(self.model.validator(json_codec.decode(body)))
        except Misfit as misfit:
            return MISFIT, str(misfit)
        except Exception as error:
            return FAILED, functions.describe_error(error)
        return (OK, "") if reason is None else (REFUSED, reason)

    def check(self, *samples, beyond=False):
        """Assert that both give the same for each sample; `beyond` allows NB_BEYOND."""
        for sample in samples:
            body = sample if isinstance(sample, bytes) else json.dumps(sample).encode()
            status, text = self.native(body)
            if status >= 100 or (beyond and status == BEYOND):
                continue
            expected, answer = self.python(body)
            assert status == expected, (body, status, text, answer)
            assert status != OK or same(text, answer), (body, text, answer)
            assert status != MISFIT or text == answer, (body, text, answer)

    def check_validator(self, *samples):
        """Assert that both validators say the same of each sample."""
        for sample in samples:
            body = sample if isinstance(sample, bytes) else json.dumps(sample).encode()
            status, reason = self.native(body, True)
            if status >= 100 or status == BEYOND:
                continue
            expected, words = self.verdict(body)
            assert status == expected, (body, status, reason, words)
            assert status not in {REFUSED, MISFIT} or reason == words, (body, reason, words)


def same(text, answer):
    """Return whether two answers are the same text; functions of mathematics may differ in the last place."""
    if text == answer:
        return True
    return _near(json.loads(text), json.loads(answer))


def _near(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-14 * max(abs(one), abs(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_near, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_near(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def rejected(text, reason, line=None, **names):
    """Assert that a notebook is refused in these words, at this line of its cell."""
    with pytest.raises(Refusal) as caught:
        Translated(text, **names)
    assert caught.value.reason == reason
    if line is not None:
        assert caught.value.line == line
        assert caught.value.file.startswith("<cell ")


__all__ = ["Translated", "estimators", "rejected"]
