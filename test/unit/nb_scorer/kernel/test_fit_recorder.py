"""What is noted of calls of fit, and that noting them changes nothing."""

import ast
import builtins
import gc
import traceback

import numpy as np
import pytest
from nb_scorer.kernel import fit_recorder

from unit.nb_scorer.kernel.shells import Shell

MODEL = """
class Model:
    def fit(self, X, y=None, **more):
        self.got = X
        if X is None:
            raise ValueError("no data")
        return self
    fit_transform = partial_fit = fit
"""


@pytest.fixture
def shell():
    """Return a shell whose fits are noted."""
    instance = Shell()
    fit_recorder.install(instance)
    instance.run(MODEL)
    yield instance
    for name in (fit_recorder.NOTE_MODEL, fit_recorder.NOTE_DATA):
        delattr(builtins, name)


def noted(shell):
    """Return (method, cell, rows, why not) of each fit."""
    return [(fit.method, fit.cell, fit.rows and fit.rows.samples, fit.lack) for fit in fit_recorder.recorded(shell)]


@pytest.mark.parametrize(
    ("call", "method"),
    [
        ("model = Model().fit([[1, 2], [3, 4]], [0, 1])", "fit"),
        ("model = Model(); model.fit(X=[[1, 2], [3, 4]], y=None)", "fit"),
        ("model = Model(); data = [[1, 2], [3, 4]]; model.fit_transform(data); data.clear()", "fit_transform"),
        ("model = Model()\nfor part in range(2):\n    model.partial_fit([[1, 2], [3, 4]])", "partial_fit"),
        ("models = [Model().fit([[1, 2], [3, 4]]) for _ in range(3)]\nmodel = models[-1]", "fit"),
    ],
)
def test_what_a_cell_passes_to_fit_is_noted_as_it_is_then(shell, call, method):
    shell.run(call)
    assert noted(shell) == [(method, 2, [[1, 2], [3, 4]], "")]
    assert fit_recorder.recorded(shell)[0].model() is shell.user_ns["model"]


def test_fit_gets_the_very_object_and_a_model_lives_no_longer(shell):
    shell.run("import numpy as np; data = np.zeros((3, 2)); model = Model().fit(data)")
    assert shell.user_ns["model"].got is shell.user_ns["data"]
    shell.run("model = None")
    gc.collect()
    assert fit_recorder.recorded(shell)[0].model() is None


@pytest.mark.parametrize(
    "source",
    [
        "def train(model, X):\n    return model.fit(X)\ntrain(Model(), [[1]])",
        "train = lambda model: model.fit([[1]])\ntrain(Model())",
        "class Own(Model):\n    Model().fit([[1]])",
        "Model().fit(*[[[1]]])",
        "def fit(X):\n    return X\nfit([[1]])",
        "Model().fit(**{'X': [[1]]})",
    ],
)
def test_what_is_not_a_cell_s_own_call_is_left_alone(shell, source):
    shell.run(source)
    assert noted(shell) == []


def test_an_exception_of_fit_has_no_frame_of_ours(shell):
    with pytest.raises(ValueError, match="no data") as caught:
        shell.run("Model().fit(\n    None)")
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == ["<module>", "fit"] and not any("note" in name for name in frames)


class Hostile:
    """Data whose every method fails."""

    def __getattr__(self, name):
        raise RuntimeError("not this one")


def test_no_fault_of_the_data_becomes_the_cell_s(shell):
    shell.user_ns.update(hostile=Hostile(), images=np.zeros((4, 8, 8)))
    shell.run("Model().fit(hostile)\nModel().fit(images)\nModel().fit('x')\n(5).real.fit if False else None")
    assert [why for *_, why in noted(shell)] == [
        "its rows can't be read (RuntimeError)",
        "its rows are nested (3 dimensions)",
        "it is a str",
    ]


def test_at_most_so_many_calls_are_noted(shell):
    shell.run("\n".join(["Model().fit([[1]])"] * 50))
    assert len(noted(shell)) == fit_recorder.MAX_FITS


@pytest.mark.parametrize(
    ("data", "rows", "why"),
    [
        ("same", [[0], [0], [0], [0]], ""),
        ("same[:]", None, "its calls received more data than a baseline keeps (25 MB)"),
        ("[row[:] for row in small]", [[1]], ""),
    ],
)
def test_a_loop_is_not_slowed_by_copies_without_end(shell, monkeypatch, data, rows, why):
    monkeypatch.setattr(fit_recorder, "MAX_BYTES", 40)
    shell.user_ns.update(same=np.zeros((4, 1), int), small=[[1]])
    copied = []
    original = fit_recorder.data_rows.find_rows
    monkeypatch.setattr(fit_recorder.data_rows, "find_rows", lambda part: copied.append(1) or original(part))
    shell.run(f"models = []\nfor _ in range(6):\n    models.append(Model().fit({data}))")
    assert noted(shell) == [("fit", 2, rows, why)]
    assert fit_recorder.recorded(shell)[0].model() is shell.user_ns["models"][-1]
    assert len(copied) == (6 if data.startswith("[") else 2)


def test_data_that_can_t_be_read_are_not_tried_for_ever(shell, monkeypatch):
    tried = []
    monkeypatch.setattr(Hostile, "__getattr__", lambda *_: tried.append(1) or 1 / 0)
    shell.user_ns["hostile"] = Hostile()
    shell.run("for _ in range(100):\n    Model().fit(hostile)")
    assert len(tried) == 10
    assert [why for *_, why in noted(shell)] == ["its rows can't be read (ZeroDivisionError)"]


def test_a_cell_is_the_same_but_for_the_notes():
    tree = ast.parse("x = 1\nmodel.fit(X, y).score(X)\n[predictor(x) for x in X]")
    noter = fit_recorder.FitNoter()
    text = ast.unparse(noter.visit(tree))
    assert text.splitlines() == [
        "x = 1",
        "__nb_builder_note_model__(0, model).fit(__nb_builder_note_data__(0, X), y).score(X)",
        "[predictor(x) for x in X]",
    ]
