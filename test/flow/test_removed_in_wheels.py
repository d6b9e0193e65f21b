"""Each row of the table of removals against real wheels: its names are there before the release, and gone with it."""

import json
import os
import re
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from nb_builder.analysis import removed_apis
from nb_builder.common.resolve_date import AsOf
from nb_builder.install import installer, interpreters

pytestmark = pytest.mark.long

PROBE = Path(__file__).with_name("removed_probe.py")
# The same code without what only a GPU needs, at a fifth of the size.
SMALLER = {("tensorflow", "2.6"): "tensorflow-cpu"}
# What a package needs without declaring it, and what the probe needs.
ALSO = {
    "scipy": ["numpy", "pillow"],
    "seaborn": ["matplotlib<3.9"],
    "scikit-learn": ["numpy", "scipy"],
}
# Packages that need a compiler and minutes if there is no wheel.
COMPILED = ["numpy", "scipy", "pandas", "h5py", "matplotlib"]


def installed(folder, requirement, also, day):
    """Return the Python of an environment with a requirement as of a day, made with the oldest Python that has it."""
    as_of = AsOf(datetime.fromisoformat(day).replace(tzinfo=timezone.utc), "")
    for minor, python in sorted(interpreters.find().items(), key=lambda found: found[1].number):
        environ = installer.resolving_environ(minor, os.environ)
        place = folder / minor
        subprocess.run([installer.UV, "venv", "--quiet", "--python", python.path, place], env=environ, check=True)
        only_wheels = [re.split("[<=]", requirement)[0], *COMPILED]
        command = [installer.UV, "pip", "install", "--quiet", "--python", place]
        command += [word for each in only_wheels for word in ("--only-binary", each)]
        chosen = [requirement, "setuptools", *also]
        ran = subprocess.run([*command, *installer.cutoff(as_of), *chosen], env=environ, capture_output=True)
        if ran.returncode == 0:
            return place / "bin/python"
    raise AssertionError(ran.stderr.decode())


def present(python, names):
    """Return those of the names that the packages of a Python have."""
    environ = {**os.environ, "MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run([python, PROBE, *names], env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.parametrize("row", removed_apis.TABLE, ids=lambda row: f"{row.package} {row.version}")
def test_names_are_there_before_the_release_and_gone_with_it(row, tmp_path, request):
    if (row.package, row.version) in (("keras", "2.9"), ("keras", "2.13")):
        reason = "the Keras before it can't be imported with the TensorFlow of the oldest Python"
        request.applymarker(pytest.mark.xfail(reason=reason))
    name = SMALLER.get((row.package, row.version), row.package)
    day = datetime.fromisoformat(row.day)
    # Dependencies of some weeks later, as some of them follow.
    follow = (day + timedelta(days=30)).date().isoformat()
    for folder, versions, of_day, expected in (
        ("before", f"<{row.version}", row.day, set(row.names)),
        ("after", f"=={row.version}.*", follow, set()),
    ):
        # keras does not declare the TensorFlow of the same version, which it needs.
        also = [f"tensorflow-cpu{versions}"] if name == "keras" else ALSO.get(name, [])
        assert present(installed(tmp_path / folder, f"{name}{versions}", also, of_day), row.names) == expected
