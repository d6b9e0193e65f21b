"""Running script one and judging each line of what it emits."""

import sys
from pathlib import Path

import pytest
from nb_builder import requirements
from nb_builder.problems import RequirementIsOption, RequirementsMalformed, RequirementsNeedPackages
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")


def collect(tmp_path, source):
    script = tmp_path / "one.py"
    script.write_text(scripts.requirements_script(new_notebook(cells=[new_code_cell(source)]), NAME).text)
    found = requirements.collect(script, Path(sys.executable), tmp_path, tmp_path / "requirements.txt", NAME)
    return [str(requirement) for requirement in found]


def test_requirements_txt_is_written_and_read(tmp_path):
    assert collect(tmp_path, 'requirements = [["numpy", "1.26.4"], ["x", ">=1; python_version > \'3\'"]]') == [
        "numpy==1.26.4",
        'x>=1; python_version > "3"',
    ]
    assert (tmp_path / "requirements.txt").read_text().startswith("numpy==1.26.4\n")


def test_a_helper_module_of_the_repository_can_be_used(tmp_path):
    (tmp_path / "pins.py").write_text('numpy = "1.26.4"')
    assert collect(tmp_path, "import pins\nrequirements = [['numpy', pins.numpy]]") == ["numpy==1.26.4"]


def test_a_package_that_is_not_there_yet_is_named(tmp_path):
    with pytest.raises(RequirementsNeedPackages, match="ModuleNotFoundError: No module named 'pandas'"):
        collect(tmp_path, "import pandas\nrequirements = [['pandas', pandas.__version__]]")


def test_packages_of_this_interpreter_do_not_count(tmp_path):
    with pytest.raises(RequirementsNeedPackages, match="No module named 'pytest'"):
        collect(tmp_path, "import pytest\nrequirements = [['pytest', pytest.__version__]]")


def test_a_malformed_list_says_which_entry(tmp_path):
    with pytest.raises(RequirementsMalformed, match=r"entry 2, 5, is neither a text nor a pair"):
        collect(tmp_path, "requirements = [['numpy', '1'], 5]")


@pytest.mark.parametrize("entry", ["--index-url=http://x", "-r other.txt", "-e ."])
def test_an_option_never_reaches_an_installer(tmp_path, entry):
    with pytest.raises(RequirementIsOption, match="is an option of an installer, not a package"):
        collect(tmp_path, f"requirements = [[{entry!r}, '']]")


def test_a_line_that_is_no_requirement_is_quoted(tmp_path):
    with pytest.raises(RequirementsMalformed, match=r"'numpy==one two' is no requirement"):
        collect(tmp_path, "requirements = [['numpy', 'one two']]")
