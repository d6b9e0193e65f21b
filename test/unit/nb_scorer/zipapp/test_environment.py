"""Where files of wheels are written."""

import zipfile

import pytest
from nb_scorer.zipapp import environment
from nb_scorer.zipapp.problems import ZipappEnvironment


class Carried:
    """A file in which one wheel is."""

    def __init__(self, wheel):
        self._wheel = wheel

    def unpack(self, name, path, digest):
        with open(path, "wb") as file:
            file.write(self._wheel.read_bytes())


@pytest.fixture
def install(tmp_path):
    """Return what installs a wheel with one file of that name in an environment whose Python is a link to a canary."""
    venv = tmp_path / "venv"
    (venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (venv / "bin").mkdir()
    (tmp_path / "canary").write_text("base")
    (venv / "bin" / "python3").symlink_to(tmp_path / "canary")
    (venv / "bin" / "python").symlink_to("python3")
    (venv / "lib64").symlink_to("lib")

    def call(name):
        wheel = tmp_path / "a-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(name, "evil")
        environment._install_wheel(Carried(wheel), f"wheels/{wheel.name}", "", str(venv))
        return venv

    yield call
    assert (tmp_path / "canary").read_text() == "base"


@pytest.mark.parametrize(
    "name",
    [
        "a-1.data/scripts/python",
        "a-1.data/scripts/python3",
        "a-1.data/data/bin/python",
        "a-1.data/data/../canary",
        "../../../../canary",
        "/etc/hostname",
    ],
)
def test_no_wheel_writes_through_a_link_of_the_environment_or_out_of_it(install, name):
    with pytest.raises(ZipappEnvironment, match="leads out of it"):
        install(name)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a.py", "lib/python3.11/site-packages/a.py"),
        ("a-1.data/scripts/tool", "bin/tool"),
        ("a-1.data/data/lib64/a.so", "lib/a.so"),
        ("a-1.data/platlib/b.py", "lib/python3.11/site-packages/b.py"),
    ],
)
def test_files_of_a_wheel_are_where_it_says(install, name, place):
    assert (install(name) / place).read_text() == "evil"
