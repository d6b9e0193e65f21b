"""What conda writes, as PyPI has it."""

import pytest
from nb_builder.requirements.sources import conda
from nb_builder.requirements.sources.base import Said, Unreadable


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy==1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy 1.26.4 py311_0", "numpy==1.26.4"),
        ("numpy 1.2*", "numpy==1.2.*"),
        ("numpy >= 1.20, < 2", "numpy<2,>=1.20"),
        ("numpy=*", "numpy"),
        ("numpy[version='>=1.20,<2',build=x]", "numpy<2,>=1.20"),
        ("conda-forge::numpy=1.26", "numpy==1.26.*"),
        ("defaults/linux-64::numpy", "numpy"),
        ("pytorch-cpu>=2", "torch>=2"),
        ("librosa=0.10.1", "librosa==0.10.1"),
    ],
)
def test_a_spec_of_conda_is_a_line_of_pip(spec, line):
    assert conda.of_specs([spec]).requirements == [line]


@pytest.mark.parametrize(
    "spec", ["libgcc-ng=13", "_openmp_mutex", "openssl", "cuda-nvcc", "r-base", "vs2015_runtime", "pip"]
)
def test_what_is_no_package_of_python_is_left_out(spec):
    assert conda.of_specs([spec]).requirements == []


def test_a_version_that_pip_cannot_say_is_told(tmp_path):
    found = conda.of_specs(["numpy>=1.20|<1.10"])
    assert found.requirements == ["numpy"]
    assert found.notes() == ("without the version, which pip can't read: numpy>=1.20|<1.10",)


@pytest.mark.parametrize(
    ("python", "specifier"),
    [("python=3.11.5", "==3.11.*"), ("python 3.9", "==3.9.*"), ("python>=3.8", ">=3.8"), ("python", "")],
)
def test_the_python_is_its_minor_version(python, specifier):
    assert conda.of_specs([python]).python == specifier


def read(tmp_path, text):
    path = tmp_path / "environment.yml"
    path.write_text(text)
    return conda.read(path)


def test_what_pip_installs_again_counts(tmp_path):
    said = read(tmp_path, "dependencies:\n- six=1.15\n- attrs\n- pip:\n  - six==1.16.0\n  - ./lib\n")
    assert said == Said(("attrs", "six==1.16.0", "./lib"))


@pytest.mark.parametrize("text", ["name: x\n", "", "[]\n"])
def test_a_file_without_dependencies_says_nothing(tmp_path, text):
    assert read(tmp_path, text) is None


@pytest.mark.parametrize(
    ("text", "why"), [("a: b: c\n", "it is no YAML, line 1: mapping values"), ("dependencies: six\n", "are no list")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, text, why):
    with pytest.raises(Unreadable, match=why):
        read(tmp_path, text)
