"""Scripts in percent format as notebooks."""

import pytest
from nb_builder.repository.formats import percent
from nb_builder.rewrite import scripts


def cells(text):
    return [(cell.cell_type, cell.source) for cell in percent.parse(text).cells]


def code(text):
    return [source for kind, source in cells(text) if kind == "code"]


def test_a_marker_begins_a_cell_as_vs_code_spyder_and_jupytext_write_it():
    assert code("# %%\na = 1\n#%% Train\nb = 2\n# %%%% deeper\nc = 3\n") == ["a = 1", "b = 2", "c = 3"]


def test_what_stands_above_the_first_marker_is_a_cell_if_it_is_code():
    assert code("import os\n# %%\na = 1") == ["import os", "a = 1"]
    assert code("#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n# %%\na = 1") == ["a = 1"]


def test_markdown_and_raw_cells_are_reported_by_their_words():
    text = '# %% [markdown]\n# # Title\n# text\n# %% [md]\n"""\nplain\n"""\n# %% [raw]\n# left\n# %%\na = 1'
    assert cells(text) == [("markdown", "# Title\ntext"), ("markdown", "plain"), ("raw", "left"), ("code", "a = 1")]


@pytest.mark.parametrize(
    "title", ['tags=["parameters", "b"]', '{"tags": ["parameters", "b"]}', "Top tags=['parameters', 'b']"]
)
def test_tags_of_a_marker_are_tags_of_the_cell(title):
    assert percent.parse(f"# %% {title}\na = 1").cells[-1].metadata["tags"] == ["parameters", "b"]


@pytest.mark.parametrize(
    ("line", "revived"),
    [
        ("# %matplotlib inline", "%matplotlib inline"),
        ("#%matplotlib inline", "%matplotlib inline"),
        ("# %%time", "%%time"),
        ("# !ls -l", "!ls -l"),
        ("# files = !ls", "files = !ls"),
        ("    # %time f()", "    %time f()"),
    ],
)
def test_commented_magics_are_revived(line, revived):
    assert code(f"# %%\n{line}\na = 1")[-1].splitlines()[0] == revived


@pytest.mark.parametrize(
    "line",
    [
        "# copy the data",
        "# 100 % sure",
        "# %s items",
        "# # %matplotlib inline",
        "# ls",
        "x = 1 # %time",
        "# ! important",
        "# cat",
    ],
)
def test_comments_stay_comments(line):
    assert code(f"# %%\n{line}\na = 1")[-1].splitlines()[0] == line


def test_a_shell_line_is_revived_with_the_lines_that_continue_it():
    assert code("# %%\n# !echo a \\\n#   b\nx = 1") == ["!echo a \\\n  b\nx = 1"]


def test_magics_that_were_never_commented_stay():
    assert code("# %%\n%matplotlib inline\n!ls\n") == ["%matplotlib inline\n!ls"]


def test_what_stands_in_a_text_is_neither_marker_nor_magic():
    text = 's = """\n# %% no cell\n# %time\n"""\nt = 1'
    assert code("# %%\n" + text) == [text]


def test_a_cell_in_another_language_gets_its_magic_back():
    assert code('# %% language="bash" magic_args="--no-raise-error"\n# echo hi\n# ls') == [
        "%%bash --no-raise-error\necho hi\nls"
    ]


HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py
#   kernelspec:
#     display_name: Python 3.9
#     language: python
#     name: python3
# ---

# %%
a = 1
"""


def test_the_header_of_jupytext_is_no_cell_and_reports_the_kernel():
    node = percent.parse(HEADER)
    assert dict(node.metadata.kernelspec) == {"display_name": "Python 3.9", "language": "python", "name": "python3"}
    assert [cell.source for cell in node.cells if cell.source] == ["a = 1"]


def test_a_problem_in_a_script_names_the_line_of_the_file():
    text = HEADER + '\n\n# %% [markdown]\n# text\n\n# %% Next\n\nb = 1\nc = 2\n# %% language="bash"\n# ls\n'
    first, second, third = scripts.author_cells(percent.parse(text))
    lines = text.splitlines()
    assert lines[first.first_line - 1] == "a = 1"
    assert second.where("model.py", 3).endswith(f", line 3 (line {lines.index('c = 2') + 1} of the file)")
    assert lines[third.first_line] == "# ls"


def test_the_same_script_gives_the_same_notebook():
    assert percent.parse(HEADER) == percent.parse(HEADER)


def test_a_script_without_a_marker_is_one_cell():
    assert code("a = 1\n\nb = 2\n") == ["a = 1\n\nb = 2"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("# %%\ndef predictor(x): return x", True),
        ("# %%\n# %matplotlib inline\nfrom helper import predictor", True),
        ("def predictor(x): return x", False),
        ("# %%\ndef other(x): return predictor(x)", False),
        ("# %%\n# predictor = 1", False),
        ("# %%\ndef predictor(x:\n    return x", True),
        ("# %%\ndef predictor(x):\n      x\n    return x", True),
        ("# %%\nprint predictor(1)", False),
    ],
)
def test_a_notebook_beyond_doubt_has_a_marker_and_binds_predictor(text, is_one):
    assert percent.is_notebook(text) is is_one
