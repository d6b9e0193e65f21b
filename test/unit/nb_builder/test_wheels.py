"""What is said of a pin that can't be built: real answers of the package index."""

import os

import pytest
from nb_builder import wheels
from nb_builder.installer import UV, uv_environ

BUILD = "error: Failed to build `numpy==1.15.0`\n    ModuleNotFoundError: No module named 'distutils'\n\nhint: y"


def explain(words):
    return wheels.explain(words, uv=[UV, "pip", "compile"], environ=uv_environ(os.environ), minor="3.11")


def test_the_versions_and_the_pythons_that_have_wheels_are_named():
    problem = explain(BUILD)
    assert problem.what.endswith("building it from its source failed: ModuleNotFoundError: No module named 'distutils'")
    assert "numpy with a wheel for Python 3.11: 1.23.2 to " in problem.why
    assert "numpy==1.15.0 has one for Python 3.6, 3.7." in problem.why


@pytest.mark.parametrize(
    "words", ["error: command 'gcc' failed: No such file or directory", "ERROR: Unknown compiler(s): [['cc'], ['gcc']]"]
)
def test_a_missing_compiler_is_named_with_the_image_that_has_one(words):
    problem = explain(BUILD + "\n" + words)
    assert "it needs a compiler, and there is none here." in problem.what
    assert problem.fix.endswith("An image with compilers is made by 'make build COMPILERS=1'.")


PIP = """Collecting numpy==1.16.4
  Downloading numpy-1.16.4.zip (5.1 MB)
      NameError: name 'CCompiler' is not defined. Did you mean: 'ccompiler'?
error: metadata-generation-failed

\u00d7 Encountered error while generating package metadata.
╰─> numpy
"""


def test_what_pip_could_not_build_is_named_with_its_version():
    problem = explain(PIP)
    assert problem.what.startswith(
        "numpy==1.16.4 has no wheel for Python 3.11, and building it from its source failed: "
    )
    assert "failed: NameError: name 'CCompiler' is not defined." in problem.what
    assert problem.why.endswith("numpy==1.16.4 has one for Python 3.6, 3.7.")


def test_the_name_of_an_import_that_is_taken_for_a_package_is_told():
    problem = explain("error: Failed to build `sklearn==0.0.post12`\n")
    assert problem.why.endswith("sklearn==0.0.post12 has one for no Python.")
    assert problem.fix.endswith("'sklearn' is what is imported; the package is called 'scikit-learn'.")


def test_other_words_are_left_to_others():
    assert explain("error: No solution found when resolving dependencies") is None
