"""Which distribution, of those next to a notebook, provides what it imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.fix import installed_packages, installed_program
from nb_builder.fix.problems import PythonUnusable
from nb_builder.preflight.undeclared_imports import Import


def entry(environment, module, *names):
    [installed] = installed_packages.ask(environment / "bin" / "python", [Import(module, names, 1)]).providers
    return installed and installed.entry


@pytest.mark.parametrize(
    ("module", "names", "expected"),
    [
        ("numpy", (), ("numpy", "2.2.6")),
        ("pandas.io.json", ("x",), ("pandas", "2.2.3")),
        ("yaml", (), ("pyyaml", "6.0.2")),
        ("sklearn.svm", ("SVC",), ("scikit-learn", "1.7.2")),
        ("bs4", ("BeautifulSoup",), ("beautifulsoup4", "4.13.4")),
        ("PIL", ("Image",), ("pillow", "11.3.0")),
        ("google.cloud", ("storage",), ("google-cloud-storage", "3.1.0")),
        ("google.api_core.retry", (), ("google-api-core", "2.25.0")),
        ("old_way", (), ("old", "1.2")),
    ],
)
def test_a_module_is_found_under_its_package_s_own_name(environment, module, names, expected):
    assert entry(environment, module, *names) == expected


def test_of_several_that_have_a_module_the_one_of_our_table_is_taken(environment):
    assert entry(environment, "cv2") == ("opencv-python-headless", "4.11.0")


def test_a_local_version_is_left_out_as_no_index_has_it(environment):
    assert entry(environment, "torch") == ("torch", "2.4.0")


def test_what_came_from_git_is_named_by_its_commit_without_the_password(environment):
    assert entry(environment, "cars") == ("cars @ git+https://host/cars@abc",)


def test_what_is_editable_is_known_by_its_name_and_folder(environment):
    [installed] = installed_packages.ask(environment / "bin" / "python", [Import("tools", (), 1)]).providers
    assert (installed.key, installed.in_folder) == ("tools", "/home/me/tools")


def test_what_is_not_installed_has_no_version(environment):
    assert entry(environment, "polars") is None
    assert entry(environment, "google.cloud.bigquery") is None


def test_what_packages_need_is_known(environment):
    packages = installed_packages.ask(environment / "bin" / "python", [])
    assert packages.needed_by({"pandas"}) == {"pandas", "numpy"}
    assert packages.minor == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_a_python_without_importlib_metadata_is_asked_alike(environment):
    program = Path(installed_program.__file__).read_text("utf-8")
    without = "import sys\nsys.modules['importlib.metadata'] = None\n"
    asked = json.dumps([["yaml", []], ["google.cloud", ["storage"]], ["old_way", []]])
    answers = [
        subprocess.run(
            [environment / "bin" / "python", "-c", code], input=asked, capture_output=True, text=True, check=True
        ).stdout
        for code in (program, without + program)
    ]
    first, second = (json.loads(answer.splitlines()[-1]) for answer in answers)
    assert first == second
    assert [[each["name"] for each in found] for found in first["providers"]] == [
        ["PyYAML"],
        ["google-cloud-storage"],
        ["old"],
    ]


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho no JSON\n", "no program"])
def test_what_is_no_python_is_rejected(tmp_path, text):
    program = tmp_path / "python"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(PythonUnusable):
        installed_packages.ask(program, [])
