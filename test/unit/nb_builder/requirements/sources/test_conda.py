"""What conda writes, as PyPI has it."""

import pytest
from nb_builder.requirements.sources import conda
from nb_builder.requirements.sources.declaration import Packages, Unreadable


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


def test_a_version_that_pip_cannot_say_is_reported(tmp_path):
    conversion = conda.of_specs(["numpy>=1.20|<1.10"])
    assert conversion.requirements == ["numpy"]
    assert conversion.notes() == ("without the version, which pip can't read: numpy>=1.20|<1.10",)


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
    packages = read(tmp_path, "dependencies:\n- six=1.15\n- attrs\n- pip:\n  - six==1.16.0\n  - ./lib\n")
    assert packages == Packages(("attrs", "six==1.16.0", "./lib"))


@pytest.mark.parametrize("text", ["name: x\n", "", "[]\n"])
def test_a_file_without_dependencies_says_nothing(tmp_path, text):
    assert read(tmp_path, text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("a: b: c\n", "it is not YAML, line 1: mapping values"), ("dependencies: six\n", "are not a list")],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, text, why):
    with pytest.raises(Unreadable, match=why):
        read(tmp_path, text)


def test_what_was_done_to_the_packages_is_reported_in_a_line_each():
    found = conda.of_specs(["pytorch=2.0", "Opencv", "r-base", "openssl", "pip", "numpy=1|2", "x[", "r-base"])
    assert found.requirements == ["torch==2.0.*", "opencv-python-headless", "numpy"]
    assert found.notes() == (
        "with their names on PyPI: pytorch is torch, Opencv is opencv-python-headless",
        "left out, because they are not Python packages: r-base, openssl",
        "without the version, which pip can't read: numpy=1|2, x[",
    )


def test_a_long_list_is_reported_by_its_first_six():
    assert conda.brief(list("aabcdef")) == "a, b, c, d, e, f"
    assert conda.brief(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"


@pytest.mark.parametrize(
    ("written", "specifier"),
    [
        ("==1.26.4=py311_0", "==1.26.4"),
        (">=1.2,<2", "<2,>=1.2"),
        ("!=1.2", "!=1.2"),
        ("~=1.2", "~=1.2"),
        ("1.2", "==1.2"),
        ("=1", "==1.*"),
        ("=1.2*", "==1.2.*"),
        ("==*", ""),
        ("*", ""),
        ("", ""),
        ("1.2|1.3", None),
        ("one", None),
    ],
)
def test_a_version_of_conda_is_a_specifier_of_pip_or_none(written, specifier):
    assert conda.specifier(written) == specifier


@pytest.mark.parametrize(
    ("bracket", "line"),
    [
        ("version='>=1.2,<2'", "six<2,>=1.2"),
        ('version = "1.2"', "six==1.2"),
        ("version=1.2,build=x", "six==1.2"),
        ("build=x", "six"),
    ],
)
def test_a_version_may_stand_in_brackets(bracket, line):
    assert conda.of_specs([f"six[{bracket}]"]).requirements == [line]


def test_a_python_that_is_exact_is_its_minor_version_and_another_one_as_it_is():
    given = {"python=3.9": "==3.9.*", "python==3.9.7": "==3.9.*", "python<3.12,>=3.9": "<3.12,>=3.9"}
    for spec, python in {**given, "python=3": "==3.*", "python 3.9|3.10": ""}.items():
        assert conda.of_specs([spec]).python == python


def test_what_is_no_yaml_is_reported_with_the_place_that_is_wrong(tmp_path):
    with pytest.raises(Unreadable, match="^it is not YAML, line 2: "):
        read(tmp_path, "a: 1\nb: c: d\n")
    with pytest.raises(Unreadable, match="^it is not YAML: "):
        read(tmp_path, "dependencies: [2024-13-45]")
    with pytest.raises(Unreadable, match="^its 'dependencies' are not a list$"):
        read(tmp_path, "dependencies: {a: b}")


def test_an_environment_s_notes_python_and_lines_of_pip_come_together(tmp_path):
    said = read(tmp_path, "dependencies:\n- python=3.9\n- pytorch\n- pip: [pywin32, 5, ' six ']\n- pip: no list\n- 7\n")
    assert said == Packages(
        ("torch", "pywin32 ; sys_platform == 'win32'", "5", "six"),
        python="==3.9.*",
        notes=("with their names on PyPI: pytorch is torch", "left out, because it is for Windows only: pywin32"),
    )
    assert read(tmp_path, "dependencies:\n") == Packages()
