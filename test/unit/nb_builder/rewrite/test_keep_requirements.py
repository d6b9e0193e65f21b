"""Script one keeps the statements that `requirements` depends on, found in the syntax tree."""

import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def emitted(tmp_path, *sources):
    """Return the lines that script one of these cells writes, or its exit status and last line on stderr."""
    node = new_notebook(cells=[new_code_cell(source) for source in sources])
    script = tmp_path / "one.py"
    script.write_text(scripts.requirements_script(node, Path("model.ipynb")).text)
    completed = subprocess.run([sys.executable, "-S", script], capture_output=True, text=True)
    return (
        completed.stdout.splitlines()
        if completed.returncode == 0
        else (completed.returncode, completed.stderr.splitlines()[-1])
    )


@pytest.mark.parametrize(
    ("cells", "lines"),
    [
        (['requirements = [["numpy", "1.26.4"]]'], ["numpy==1.26.4"]),
        (
            ['requirements = (("numpy", ""), ("scipy", None), ["pandas"], "flask>=3")'],
            ["numpy", "scipy", "pandas", "flask>=3"],
        ),
        (
            ['requirements = [["a", ">=1.2,<2"], ["b", "~=1.4"], ["c[x]", "1.26.*"]]'],
            ["a>=1.2,<2", "b~=1.4", "c[x]==1.26.*"],
        ),
        (['requirements: list = [["a", "1"]]'], ["a==1"]),
        (['requirements = [["a", "1"]]', 'requirements += [["b", "2"]]'], ["a==1", "b==2"]),
        (['requirements = [["a", "1"]]', 'requirements.append(["b", "2"])'], ["a==1", "b==2"]),
        (['requirements = [["a", "1"]]', 'requirements[0] = ["b", "2"]'], ["b==2"]),
        (['requirements = [["a", "1"]]', 'requirements = [["b", "2"]]'], ["b==2"]),
        (['pins = {"a": "1"}', "requirements = [[n, v] for n, v in pins.items()]"], ["a==1"]),
        (
            ['import nosuch, sys\nv = "1" if sys.version_info > (3,) else "0"\nrequirements = [["a", v]]\nnosuch.go()'],
            ["a==1"],
        ),
        (['import nosuch\nn = nosuch.x\nrequirements = [[n, "1"] for n in ("a", "b")]'], ["a==1", "b==1"]),
        (["requirements = []\nfor n in ('a', 'b'):\n    requirements.append(n)"], ["a", "b"]),
        (["def pin(n):\n    return [n, '1']\nrequirements = [pin('a')]"], ["a==1"]),
        (['# requirements = 1\ntext = "requirements"\ndef f():\n    requirements = 3'], []),
        (["print(requirements_of_life)", "x = requirement = 1"], []),
        (["requirements = []", "print(requirements)"], []),
    ],
)
def test_requirements_are_computed_without_the_packages(tmp_path, cells, lines):
    assert emitted(tmp_path, *cells) == lines


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("'numpy'", "it is 'numpy', not a list"),
        ("[1]", "entry 1, 1, is neither a string nor a pair of name and version"),
        ("['a', ['b', '1', '2']]", "entry 2, ['b', '1', '2'], is neither a string nor a pair"),
        ("[['numpy', 1.15]]", "has a version that is not a string; write it in quotes"),
        ("[['', '1']]", "has no name"),
        ("['a\\n--index-url=http://x']", "has more than one line"),
    ],
)
def test_what_is_malformed_is_named_by_its_entry(tmp_path, value, words):
    status, error = emitted(tmp_path, f"requirements = {value}")
    assert status == 65
    assert words in error


def test_markdown_is_never_code(tmp_path):
    node = new_notebook(cells=[new_markdown_cell("requirements = [['a', '1']]")])
    assert "requirements = []" in scripts.requirements_script(node, Path("m.ipynb")).text


def test_decorators_stay_with_their_function(tmp_path):
    cells = ["import functools", "@functools.lru_cache()\ndef pin(n):\n    return n", "requirements = [pin('a')]"]
    assert emitted(tmp_path, *cells) == ["a"]
