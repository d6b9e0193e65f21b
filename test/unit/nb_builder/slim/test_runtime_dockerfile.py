"""Files that predictor writes while a slim image is made stay out of it: which stage copies what from which."""

import re
from pathlib import Path

import nb_builder

TEXT = (Path(nb_builder.__file__).parents[1] / "runtime.Dockerfile").read_text()
# What may be copied from a stage in which predictor ran: reports, and no file of the application.
REPORTS = {"/slim/plan.json", "/slim-launcher/said/"}


def stages(text):
    """Return {name: (stage that it begins with, its other lines)}; the last one has no name."""
    parts = re.split(r"^FROM (\S+)(?: AS (\w+))?$", text, flags=re.MULTILINE)[1:]
    return {name or "": (base, body) for base, name, body in zip(*[iter(parts)] * 3, strict=True)}


def stages_with_predictor(text):
    return {
        name
        for name, (_, body) in stages(text).items()
        if re.search(r'^RUN \[.*("prepare"|/ask)"?\]', body, re.MULTILINE)
    }


def tainted_copies(text):
    """Return the (stage, path) of all that is copied from a stage in which predictor ran, except reports."""
    tainted = stages_with_predictor(text)
    copies = [
        (name, path)
        for name, (_, body) in stages(text).items()
        for source, path in re.findall(r"^COPY --from=(\w+) (\S+)", body, re.MULTILINE)
        if source in tainted
    ]
    built_on = [(name, "/") for name, (base, _) in stages(text).items() if base in tainted]
    return [copy for copy in copies if copy[1] not in REPORTS] + built_on


def test_no_file_of_a_stage_that_asks_predictor_comes_into_another():
    assert stages_with_predictor(TEXT) == {"planned", "trial", "candidate"}
    assert tainted_copies(TEXT) == []


def test_a_tree_from_such_a_stage_would_be_seen():
    assert tainted_copies(TEXT.replace("--from=settled /slim/root/", "--from=candidate /"))[-1] == ("", "/")
    assert tainted_copies(TEXT.replace("FROM ${SERVICE} AS slim", "FROM planned AS slim")) == [("slim", "/")]
