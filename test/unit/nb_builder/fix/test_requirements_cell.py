"""More entries in the author's own list, of which nothing else changes."""

import ast

import pytest
from nb_builder.fix import requirements_cell

NUMPY, SIX, BESIDE = '["numpy", "2.2.6"]', '["six", "1.17.0"]', " " * 16
ENTRIES = (("numpy", "2.2.6"), ("six", "1.17.0"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'requirements = [["attrs", "25.3.0"]]  # ours',
            'requirements = [["attrs", "25.3.0"], ["numpy", "2.2.6"], ["six", "1.17.0"]]  # ours',
        ),
        ("requirements = []", 'requirements = [["numpy", "2.2.6"], ["six", "1.17.0"]]'),
        ("requirements = ()", 'requirements = (["numpy", "2.2.6"], ["six", "1.17.0"],)'),
        (
            "requirements: tuple = (('attrs', ''),)",
            "requirements: tuple = (('attrs', ''), ('numpy', '2.2.6'), ('six', '1.17.0'),)",
        ),
        ("requirements = ['attrs==25.3.0',]", "requirements = ['attrs==25.3.0', 'numpy==2.2.6', 'six==1.17.0',]"),
        (
            'requirements = [\n\t["attrs", "25.3.0"],  # first\n\t# ["old", "1"],\n]\nx = 1',
            f'requirements = [\n\t["attrs", "25.3.0"],  # first\n\t{NUMPY},\n\t{SIX},\n\t# ["old", "1"],\n]\nx = 1',
        ),
        (
            'requirements = [["attrs", "25.3.0"],\n                ["idna", ""]  # ü\n]',
            f'requirements = [["attrs", "25.3.0"],\n{BESIDE}["idna", ""],  # ü\n{BESIDE}{NUMPY},\n{BESIDE}{SIX}\n]',
        ),
        (
            'requirements = [["attrs", ""]\n]\r\n',
            f'requirements = [["attrs", ""],\n{BESIDE}{NUMPY},\n{BESIDE}{SIX}\n]\r\n',
        ),
        (
            '%matplotlib inline\nname = "ü"; requirements = [["attrs", name]]',
            '%matplotlib inline\nname = "ü"; requirements = [["attrs", name], ["numpy", "2.2.6"], ["six", "1.17.0"]]',
        ),
    ],
)
def test_a_list_gets_more_entries_in_its_own_form(source, expected):
    assert requirements_cell.extended(source, ENTRIES) == expected


@pytest.mark.parametrize(
    "source",
    [
        'requirements = [[name, ""] for name in ("attrs",)]',
        'requirements = ["attrs"]\nrequirements += ["idna"]\n',
        'requirements = ("attrs",)\nif True:\n    requirements = requirements[:]',
        'requirements = []\nrequirements.append("attrs")\nlast = 1',
        'requirements = more = ["attrs"]',
    ],
)
def test_what_is_computed_gets_a_line_below(source):
    extended = requirements_cell.extended(source, ENTRIES)
    before, after = {}, {}
    exec(source, before)
    exec(extended, after)
    assert list(after["requirements"]) == [*before["requirements"], ["numpy", "2.2.6"], ["six", "1.17.0"]]
    assert [line for line in source.splitlines() if line not in extended.splitlines()] == []


def test_a_long_list_has_a_line_for_each_entry():
    written = requirements_cell.new([("package-with-a-long-name", "2025.1.1"), ("numpy", "2.2.6")] * 2)
    assert written.splitlines()[1] == '    ["package-with-a-long-name", "2025.1.1"],'
    assert len(ast.literal_eval(written.partition(" = ")[2])) == 4


def test_a_single_text_names_what_no_index_has():
    assert requirements_cell.new([("cars @ git+https://host/cars@abc",)]) == (
        'requirements = ["cars @ git+https://host/cars@abc"]'
    )
