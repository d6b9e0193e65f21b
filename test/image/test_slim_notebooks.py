"""Slim images of several notebooks, at each level: what stays and goes, and that they answer."""

import re

import pytest

import shared
from engine import docker, slim
from image import repos
from image.conftest import slim_once

# A word model, a package that scikit-learn imports only where it is, one for a rare branch, and one for nothing.
WORDS = """\
requirements = [["lightgbm", ""], ["scikit-learn", ""], ["pandas", ""], ["matplotlib", ""], ["tabulate", ""]]
%%
import lightgbm
import matplotlib.pyplot
import pandas
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

spam = ["buy now", "cheap pills", "cheap now", "buy pills"] * 10
mail = ["see you at lunch", "minutes of the meeting", "lunch meeting", "see minutes"] * 10
trees = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
pipe = make_pipeline(TfidfVectorizer(), trees).fit(spam + mail, [1] * 40 + [0] * 40)
%%
def predictor(x):
    if x == "table":
        import tabulate
        return tabulate.tabulate([[1, 2]], tablefmt="plain")
    return float(pipe.predict_proba([x])[0][1])
%%
[predictor(x) for x in ("cheap lunch", "meeting")]
"""
# A plug-in that is found by its entry point, a file that is read, and two packages that are not needed.
PLUGS = """\
requirements = [["jinja2", ""], ["tabulate", ""], ["six", ""]]
%%
import os
import six
from importlib.metadata import entry_points

def predictor(x):
    if x == "plugs":
        return [each.load().__name__ for each in entry_points(group="babel.extractors")]
    if x == "language":
        return os.environ.get("LANG")
    if x == "system":
        import ctypes.util, curses.ascii, locale, mimetypes, zoneinfo
        found = locale.setlocale(locale.LC_ALL, ""), ctypes.util.find_library("c")
        return [*found, mimetypes.guess_type("a.webp")[0], zoneinfo.ZoneInfo("Asia/Tokyo").key]
    with open("prices.csv") as file:
        return dict(line.strip().split(",") for line in file)[x]

examples = ["plugs", "tea", "language"]
"""
PRICES = "tea,1.5\ncake,2\n"


# A slim image takes a minute or more: each notebook has the level by default or the one that asks most of it, and
# `make test-long` all.
LEVELS = ("distributions", pytest.param("files", marks=pytest.mark.long))
LEVELS_OF_PLUGS = (*(pytest.param(level, marks=pytest.mark.long) for level in ("off", "distributions")), "files")
AS_ANYBODY = ("--read-only", "--user", "12345:0")


@pytest.fixture
def made_slim():
    """Return what makes the slim image of a service image, once for the same settings."""
    return slim_once


def reason(made, distribution):
    """Return what the table of a slim image says of a distribution, behind kept or left out."""
    kept, _, left = made.output.partition("     left out:")
    for verdict, part in (("kept", kept), ("left out", left)):
        if found := re.search(rf"^ +[\d.]+ MB  {distribution} \S+ +(.*)$", part, re.MULTILINE):
            return f"{verdict}: {found[1]}"
    return "not in the table"


@pytest.fixture
def build(build_once, tmp_path):
    """Return what has s2i build a notebook's cells, once for the same name."""
    return lambda name, cells, **files: build_once(name, repos.write(tmp_path / name, cells, **files))


@pytest.fixture
def words(build):
    return build("words", WORDS)


@pytest.fixture
def plugs(build):
    return build("plugs", PLUGS, **{"prices.csv": PRICES})


def batches(service):
    """Return (how many calls of predictor there were, how many samples these had) by a service's metrics."""
    metrics = service.get("/metrics").body.decode()
    return tuple(
        float(re.search(rf"^nb_batch_samples_{word} (\S+)$", metrics, re.MULTILINE)[1]) for word in ("count", "sum")
    )


@pytest.mark.parametrize("level", LEVELS)
def test_the_running_example_answers_as_anybody_on_a_read_only_root(made_slim, example, level):
    made = made_slim(example, f"S2I_SLIM={level}")
    assert "3 golden rows with the same predictions" in made.output
    with docker.service(made.image, *AS_ANYBODY) as service, docker.service(example) as whole:
        for body in (b"[0.2, 0.7]", b"[0.9, 0.1]", b"[1]", b"{"):
            one, other = service.predict(body), whole.predict(body)
            assert (one.status, one.value) == (other.status, other.value)
        # predictor's batch form came along: two samples are one call.
        calls, samples = batches(service)
        assert service.predict(b"[[0.2, 0.7], [0.9, 0.1]]", path="/predict/batch").value == [4, 1]
        assert batches(service) == (calls + 1, samples + 2)
        assert service.get("/notebook").status == 200
        assert service.stop(10) == 0
    shared.note(f"slim image of the running example ({level}): {docker.megabytes(made.image)} MB")


@pytest.mark.parametrize("level", LEVELS)
def test_a_text_model_of_trees_leaves_out_what_is_only_imported_because_it_is_there(made_slim, words, level):
    made = made_slim(words, f"S2I_SLIM={level}")
    assert "2 golden rows with the same predictions" in made.output
    assert reason(made, "pandas") == "left out: an optional import: without it, every prediction is the same"
    assert reason(made, "fonttools") == "left out: not used"
    assert reason(made, "lightgbm") == "kept: in use"
    shared.note(f"slim image of a text model ({level}): {docker.megabytes(made.image)} MB")


@pytest.mark.parametrize("level", LEVELS)
def test_an_import_in_a_branch_that_no_golden_row_takes_survives(made_slim, words, level):
    made = made_slim(words, f"S2I_SLIM={level}")
    assert reason(made, "tabulate") == "kept: predictor names tabulate"
    assert docker.answer(made.image, b'"table"', "--read-only") == "1  2"


@pytest.mark.parametrize("level", LEVELS_OF_PLUGS)
def test_a_plug_in_and_a_file_that_predictor_reads_are_in_the_image(made_slim, plugs, level):
    made = made_slim(plugs, f"S2I_SLIM={level}")
    with docker.service(made.image, *AS_ANYBODY) as service:
        assert service.predict(b'"plugs"').value == ["babel_extract"]
        assert service.predict(b'"cake"').value == "2"
        assert service.predict(b'"system"').value == ["C.UTF-8", "libc.so.6", "image/webp", "Asia/Tokyo"]
    if level != "off":
        assert reason(made, "jinja2") == "kept: in use"
        assert reason(made, "tabulate") == "left out: not used"


@pytest.mark.long
def test_what_s2i_keep_names_stays(made_slim, plugs):
    made = made_slim(plugs, "S2I_SLIM=files", "S2I_KEEP=Tabulate")
    assert reason(made, "tabulate") == "kept: S2I_KEEP names it"
    assert any("/tabulate" in member.name for member in slim.listed(made.image))


def test_without_golden_rows_it_is_traced_only_and_says_so(made_slim, build):
    made = made_slim(
        build("no-rows", 'requirements = [["six", ""]]\n%%\ndef predictor(x):\n    return x\n'), "S2I_SLIM=files"
    )
    assert "There are no golden rows: files that only predictions use may be missing." in made.output
    assert "No package was tried for removal: there are no predictions to compare." in made.output
    assert reason(made, "six") == "left out: not used"
    assert docker.answer(made.image, b"[1, 2]", "--read-only") == [1, 2]


@pytest.mark.long
def test_a_predictor_that_varies_is_traced_only_and_says_so(made_slim, build):
    cells = "import random\ndef predictor(x):\n    return random.random()\nexamples = [1]\n"
    made = made_slim(build("varies", cells))
    assert "predictor returns different predictions for the same sample" in made.output
    assert 0 <= docker.answer(made.image, b"1", "--read-only") < 1
