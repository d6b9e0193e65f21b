"""What predictor writes while a slim image is made stays out of it: by which stage copies what from which."""

import re
from pathlib import Path

import nb_builder

TEXT = (Path(nb_builder.__file__).parents[1] / "runtime.Dockerfile").read_text()
# What may come from a stage in which predictor was asked: words about it, and no file of the application.
ONLY_WORDS = {"/slim/plan.json", "/slim-launcher/said/"}


def stages(text):
    """Return {name: (stage that it begins with, its other lines)}; the last one has no name."""
    parts = re.split(r"^FROM (\S+)(?: AS (\w+))?$", text, flags=re.MULTILINE)[1:]
    return {name or "": (base, body) for base, name, body in zip(*[iter(parts)] * 3, strict=True)}


def asks(text):
    return {
        name
        for name, (_, body) in stages(text).items()
        if re.search(r'^RUN \[.*("prepare"|/ask)"?\]', body, re.MULTILINE)
    }


def tainted_copies(text):
    """Return the (stage, path) that are more than words from a stage in which predictor was asked."""
    asked = asks(text)
    copies = [
        (name, path)
        for name, (_, body) in stages(text).items()
        for source, path in re.findall(r"^COPY --from=(\w+) (\S+)", body, re.MULTILINE)
        if source in asked
    ]
    built_on = [(name, "/") for name, (base, _) in stages(text).items() if base in asked]
    return [copy for copy in copies if copy[1] not in ONLY_WORDS] + built_on


def test_no_file_of_a_stage_that_asks_predictor_comes_into_another():
    assert asks(TEXT) == {"planned", "trial", "candidate"}
    assert tainted_copies(TEXT) == []


def test_a_tree_from_such_a_stage_would_be_seen():
    assert tainted_copies(TEXT.replace("--from=settled /slim/root/", "--from=candidate /"))[-1] == ("", "/")
    assert tainted_copies(TEXT.replace("FROM ${SERVICE} AS slim", "FROM planned AS slim")) == [("slim", "/")]
