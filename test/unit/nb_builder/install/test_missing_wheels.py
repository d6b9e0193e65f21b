"""The problem of a pin that can't be built, with real responses of the package index."""

import os

import pytest
from nb_builder.install import missing_wheels
from nb_builder.install.installer import UV, uv_environ

BUILD = "error: Failed to build `numpy==1.15.0`\n    ModuleNotFoundError: No module named 'distutils'\n\nhint: y"


# Answers as uv does, and asks the index once for the same thing.
ONCE = """\
#!/bin/sh
cat > "$0.wanted"
key="$0.$( (printf '%s\\n' "$@"; cat "$0.wanted") | sha256sum | cut -d' ' -f1)"
if [ ! -e "$key.status" ]; then
    UV "$@" < "$0.wanted" > "$key.out" 2> "$key.err"
    echo $? > "$key.status"
fi
cat "$key.out"
cat "$key.err" >&2
exit "$(cat "$key.status")"
"""


@pytest.fixture(scope="module")
def uv(tmp_path_factory):
    path = tmp_path_factory.mktemp("uv") / "uv"
    path.write_text(ONCE.replace("UV", str(UV)))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def explain(uv):
    """Return what explains the output of a build that failed."""
    return lambda output, **options: missing_wheels.explain(
        output, uv=[uv, "pip", "compile"], environ=uv_environ(os.environ), minor="3.11", **options
    )


def test_the_versions_and_the_pythons_that_have_wheels_are_named(explain):
    problem = explain(BUILD)
    assert problem.what.endswith("building it from source failed: ModuleNotFoundError: No module named 'distutils'")
    assert "numpy with a wheel for Python 3.11: 1.23.2 to " in problem.why
    assert "numpy==1.15.0 has one for Python 3.6, 3.7." in problem.why


@pytest.mark.parametrize(
    "words", ["error: command 'gcc' failed: No such file or directory", "ERROR: Unknown compiler(s): [['cc'], ['gcc']]"]
)
def test_a_missing_compiler_is_named_with_the_image_that_has_one(explain, words):
    problem = explain(BUILD + "\n" + words)
    assert "it needs a compiler, and none is installed." in problem.what
    assert problem.fix.endswith("To build a builder image with compilers: 'nb-builder builder --compilers'.")


PIP = """Collecting numpy (from -r requirements.txt (line 1))
  Downloading numpy-2.0.2-cp311-cp311-manylinux_2_17_x86_64.whl (19.5 MB)
Collecting numpy (from -r requirements.txt (line 1))
  {arrives} numpy-1.11.1.zip (4.7 MB)
      NameError: name 'CCompiler' is not defined
"""


@pytest.mark.parametrize(
    "failed",
    [
        "Encountered error while generating package metadata.\n╰─> numpy\n",
        "  ERROR: Failed building wheel for numpy\n",
        "Failed to build installable wheels for some projects\n╰─> numpy\nFailed to build numpy\n",
        "Failed to build 'numpy' when getting requirements to build wheel\n",
    ],
)
@pytest.mark.parametrize("arrives", ["Downloading", "Using cached"])
def test_pip_s_words_of_a_build_are_understood_as_well_as_uv_s(explain, failed, arrives):
    problem = explain(PIP.format(arrives=arrives) + failed)
    assert problem.what.startswith("numpy==1.11.1 has no wheel for Python 3.11, and building it from source failed:")
    assert "name 'CCompiler' is not defined" in problem.what


def test_a_version_without_a_wheel_for_any_python_sends_no_one_to_another_python(explain):
    problem = explain("error: Failed to build `numpy==1.11.1`")
    assert problem.why.endswith("numpy==1.11.1 has one for no Python from 3.6 on.")
    assert problem.fix == "Pin a version that has a wheel."


def test_the_file_that_has_the_pin_is_named(explain):
    problem = explain("error: Failed to build `numpy==1.11.1`", written_in=lambda name: f"{name}.txt, line 3")
    assert problem.what.startswith("numpy==1.11.1 (numpy.txt, line 3) has no wheel for Python 3.11")


def test_the_name_of_an_import_that_is_taken_for_a_package_is_reported(explain):
    problem = explain("error: Failed to build `sklearn==0.0.post12`\n")
    assert problem.why.endswith("sklearn==0.0.post12 has one for no Python from 3.6 on.")
    assert problem.fix.endswith("'sklearn' is the module; the package is called 'scikit-learn'.")


def test_other_words_are_left_to_others(explain):
    assert explain("error: No solution found when resolving dependencies") is None
