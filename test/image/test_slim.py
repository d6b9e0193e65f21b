"""Slim images of real services: what is in them, what is not, and that each has proved itself."""

import json
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cached_property

import pytest

from engine import docker, provide
from engine.s2i import git_repository, must
from image import repos
from image.conftest import APPS

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
# A plug-in that is found by its entry point, a file that is read, and two packages that nobody needs.
PLUGS = """\
requirements = [["jinja2", ""], ["tabulate", ""], ["six", ""]]
%%
import six
from importlib.metadata import entry_points

def predictor(x):
    if x == "plugs":
        return [each.load().__name__ for each in entry_points(group="babel.extractors")]
    with open("prices.csv") as file:
        return dict(line.strip().split(",") for line in file)[x]

examples = ["plugs", "tea"]
"""
PRICES = "tea,1.5\ncake,2\n"


@dataclass(frozen=True)
class Slim:
    """What `make runtime` made of a service image, and all that it printed."""

    image: str
    status: int
    output: str

    @cached_property
    def files(self) -> dict[str, tarfile.TarInfo]:
        """Return what is in the image, by path."""
        name = docker.docker("create", self.image).stdout.strip()
        export = subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE)
        with export, tarfile.open(fileobj=export.stdout, mode="r|") as archive:
            found = {"/" + member.name: member for member in archive}
        docker.docker("rm", name)
        return found

    def reason(self, distribution: str) -> str:
        """Return what the table says of a distribution, behind kept or left out."""
        kept, _, left = self.output.partition("     left out:")
        for verdict, part in (("kept", kept), ("left out", left)):
            if found := re.search(rf"^ +[\d.]+ MB  {distribution} \S+ +(.*)$", part, re.MULTILINE):
                return f"{verdict}: {found[1]}"
        return ""


def slim_of(service: str, level: str = "", **settings: str) -> Slim:
    """Return what make runtime makes of an image; the slim one's name tells the settings."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{service}-slim-{level}-{'-'.join(settings.values())}").strip("-")
    environ = {**os.environ, "S2I_SLIM": level, **settings}
    command = ["make", "runtime", f"SERVICE={service}", f"IMAGE={name}"]
    made = subprocess.run(
        command, cwd=provide.ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Slim(name, made.returncode, made.stdout)


@pytest.fixture(scope="module")
def slim():
    """Return what makes a slim image, once for the same."""
    made = {}

    def make(service, level="", **settings):
        key = (service, level, *settings.items())
        if key not in made:
            made[key] = slim_of(service, level, **settings)
            assert made[key].status == 0, made[key].output
        return made[key]

    return make


@pytest.fixture(scope="module")
def build(s2i, tmp_path_factory):
    """Return what has s2i build a notebook's cells."""

    def made(name, cells, **files):
        source = repos.write(tmp_path_factory.mktemp(name) / "repo", cells, **files)
        return must(s2i.build(git_repository(source, source), f"{APPS}-{name}")).image

    return made


@pytest.fixture(scope="module")
def words(build):
    return build("words", WORDS)


@pytest.fixture(scope="module")
def plugs(build):
    return build("plugs", PLUGS, **{"prices.csv": PRICES})


LEVELS = ("distributions", "files")
AS_ANYBODY = ("--read-only", "--user", "12345:0")


@pytest.mark.parametrize("level", LEVELS)
def test_the_running_example_answers_as_anybody_on_a_read_only_root(slim, example, level):
    made = slim(example, level)
    assert "3 golden rows answered the same" in made.output
    with docker.service(made.image, *AS_ANYBODY) as service, docker.service(example) as whole:
        for body in (b"[0.2, 0.7]", b"[0.9, 0.1]", b"[1]", b"{"):
            one, other = service.predict(body), whole.predict(body)
            assert (one.status, one.value) == (other.status, other.value)
        assert service.get("/notebook").status == 200
        assert service.stop(10) == 0
    repos.NOTES.append(f"slim image of the running example ({level}): {docker.megabytes(made.image)} MB")


@pytest.mark.parametrize("level", LEVELS)
def test_a_text_model_of_trees_leaves_out_what_is_only_imported_because_it_is_there(slim, words, level):
    made = slim(words, level)
    assert "2 golden rows answered the same" in made.output
    assert made.reason("pandas") == "left out: only imported where it is there: without it every answer is the same"
    assert made.reason("fonttools") == "left out: not used"
    assert made.reason("lightgbm") == "kept: in use"
    repos.NOTES.append(f"slim image of a text model ({level}): {docker.megabytes(made.image)} MB")


@pytest.mark.parametrize("level", LEVELS)
def test_an_import_in_a_branch_that_no_golden_row_takes_survives(slim, words, level):
    made = slim(words, level)
    assert made.reason("tabulate") == "kept: predictor imports tabulate"
    assert docker.answer(made.image, b'"table"', "--read-only") == "1  2"


@pytest.mark.parametrize("level", ["off", *LEVELS])
def test_a_plug_in_and_a_file_that_predictor_reads_are_in_the_image(slim, plugs, level):
    made = slim(plugs, level)
    with docker.service(made.image, *AS_ANYBODY) as service:
        assert service.predict(b'"plugs"').value == ["babel_extract"]
        assert service.predict(b'"cake"').value == "2"
    if level != "off":
        assert made.reason("jinja2") == "kept: in use"
        assert made.reason("tabulate") == "left out: not used"


def test_what_s2i_keep_names_stays(slim, plugs):
    made = slim(plugs, "files", S2I_KEEP="Tabulate")
    assert made.reason("tabulate") == "kept: S2I_KEEP names it"
    assert any("/tabulate" in path for path in made.files)


def test_a_shell_is_there_only_where_it_is_asked_for(slim, plugs):
    assert docker.shell(slim(plugs, S2I_SLIM_BASE="shell").image, "echo told") == "told\n"
    assert not {"/bin/sh", "/usr/bin/sh", "/usr/bin/dash", "/bin/bash"} & set(slim(plugs, "distributions").files)


@pytest.mark.parametrize("level", ["off", *LEVELS])
def test_nothing_that_only_building_needs_is_in_the_image(slim, plugs, level):
    held = slim(plugs, level).files
    unwanted = re.compile(
        r"(^|/)(jupyter\w*|ipykernel|IPython|nbconvert|nb_builder|pip|virtualenv|uv|gcc|cc|ld|make|git)$"
    )
    assert [path for path in held if unwanted.search(path)] == []
    assert [path for path in held if path.startswith(("/tmp/", "/var/cache", "/root/"))] == []


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_setuid_or_open_to_the_world(slim, plugs, level):
    held = slim(plugs, level).files
    ours = {path: one for path, one in held.items() if not path.startswith(("/dev", "/proc", "/sys"))}
    assert [path for path, one in ours.items() if one.mode & 0o6000] == []
    assert [path for path, one in ours.items() if one.mode & 0o002 and not one.issym()] == []


def test_without_golden_rows_it_is_traced_only_and_says_so(slim, build):
    made = slim(build("no-rows", 'requirements = [["six", ""]]\n%%\ndef predictor(x):\n    return x\n'), "files")
    assert "There are no golden rows: what only a prediction uses may be missing." in made.output
    assert "Nothing was tried without: that takes answers to compare." in made.output
    assert made.reason("six") == "left out: not used"
    assert docker.answer(made.image, b"[1, 2]", "--read-only") == [1, 2]


def test_a_predictor_that_varies_is_traced_only_and_says_so(slim, build):
    cells = "import random\ndef predictor(x):\n    return random.random()\nexamples = [1]\n"
    made = slim(build("varies", cells))
    assert "predictor answers the same sample differently each time" in made.output
    assert 0 <= docker.answer(made.image, b"1", "--read-only") < 1


def refused(service, **settings):
    """Return what make runtime prints of a service that it must refuse; no image may come of it."""
    made = slim_of(service, "", **settings)
    assert made.status != 0 and not docker.exists(made.image)
    return made.output


def test_an_image_that_nb_builder_did_not_make_is_refused(engine, tag):
    docker.docker("build", "--tag", tag, "-", stdin=b"FROM debian:bookworm-slim\nENV A=b\n")
    said = refused(tag)
    assert "it has no /opt/nb-builder/build/bin/python." in said and "(problem slim-no-service)" in said


def test_the_builder_itself_is_refused(builder):
    said = refused(builder)
    assert "The image is no service of nb-builder: it has no model" in said and "(problem slim-no-service)" in said


def test_a_name_to_keep_that_does_not_exist_is_refused(plugs):
    said = refused(plugs, S2I_KEEP="jinja2,tabulatte")
    assert "S2I_KEEP names tabulatte, which the image does not have." in said
    assert "the image has: cloudpickle, jinja2, markupsafe, six, tabulate" in said


def test_a_golden_row_that_differs_is_refused_with_both_answers(plugs, tag):
    change = 'RUN sed -i \'s/"answer": "1.5"/"answer": "1.6"/\' /opt/app-root/model/golden.ndjson'
    docker.docker("build", "--tag", tag, "-", stdin=f"FROM {plugs}\n{change}\n".encode())
    said = refused(tag)
    assert 'golden row 2 ("tea") must give "1.6" and gave "1.5".' in said
    assert "(problem slim-service-differs)" in said


def test_the_bill_of_materials_names_what_is_kept_and_nothing_else(slim, words):
    made = slim(words, "distributions")
    bill = docker.docker("run", "--rm", "--entrypoint", "/opt/nb-builder/service/bin/python", made.image, "-c", READ)
    names = {part["name"] for part in json.loads(bill.stdout)["components"]}
    assert {"lightgbm", "scikit-learn", "tabulate", "flask"} <= names and not {"pandas", "matplotlib", "pip"} & names


READ = "print(open('/usr/share/nb-builder/sbom.cdx.json').read())"
