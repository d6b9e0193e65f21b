"""Markdown, MyST, R Markdown, Quarto and light scripts as notebooks."""

import os
from pathlib import Path

import pytest
from nb_builder.repository import formats
from nb_builder.repository.formats import texts

JUPYTER = "---\njupyter:\n  kernelspec:\n    display_name: P\n    language: python\n    name: python3\n---\n"
MYST = "---\nkernelspec:\n  display_name: P\n  language: python\n  name: python3\n---\n"


def code(node):
    return [cell.source for cell in node.cells if cell.cell_type == "code"]


def test_only_markdown_whose_header_says_so_is_a_notebook():
    assert texts.is_markdown(JUPYTER) and texts.is_markdown(MYST)
    assert not texts.is_markdown("---\ntitle: A\n---\n```python\npredictor = max\n```\n")
    assert not texts.is_markdown("# A\n\njupyter: no\n")


def test_blocks_of_python_are_the_cells_of_markdown():
    node = texts.markdown(JUPYTER + '\n# A\n\n```python tags=["parameters"]\na = 1\n```\n\n```\nplain\n```\n')
    assert code(node) == ["a = 1"]
    assert [cell.metadata.tags for cell in node.cells if cell.cell_type == "code"] == [["parameters"]]


def test_code_cells_are_the_cells_of_myst_and_its_plain_blocks_are_text():
    text = MYST + "\n```{code-cell}\n:tags: [a]\n\nx = 1\n```\n\n```python\ny = 2\n```\n"
    assert code(texts.markdown(text)) == ["x = 1"]


def test_a_kernel_of_another_language_is_seen():
    node = texts.markdown(MYST.replace("python\n", "R\n") + "\ntext\n")
    assert node.metadata.kernelspec.language == "R"


@pytest.mark.parametrize("suffix", [".Rmd", ".rmd", ".qmd"])
def test_chunks_of_python_are_cells_and_chunks_of_r_are_not_run(suffix):
    text = "---\ntitle: A\n---\n\n```{r setup}\nx <- 1\n```\n\n```{python one, echo=FALSE}\n#| label: one\ny = 1\n```\n"
    node = formats.parse(Path("a" + suffix), text)
    assert [source.splitlines()[-1] for source in code(node)] == ["y = 1"]


@pytest.mark.parametrize(
    ("written", "read"),
    [("# copy the data\nx = 1", "# copy the data\nx = 1"), ("# %time x = 1", "%time x = 1"), ("# !ls", "!ls")],
)
def test_a_comment_is_a_comment_and_a_commented_magic_a_magic(written, read):
    assert code(texts.chunks(f"```{{python}}\n{written}\n```\n")) == [read]


def test_paragraphs_and_marked_cells_are_the_cells_of_a_light_script():
    header = "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       format_name: light\n# ---\n"
    text = f"{header}\na = 1\n\n# + tags=['t']\nb = 2\n\nc = 3\n# -\n\nd = 4\n"
    assert texts.is_light(text)
    assert code(texts.light(text)) == ["a = 1", "b = 2\n\nc = 3", "d = 4"]


def test_each_cell_knows_the_line_of_the_file_that_it_begins_in():
    text = JUPYTER + "\n```python\na = 1\n```\n\n```bash\nls\n```\n\n```python\na = 1\n```\n"
    lines = text.splitlines()
    begins = [cell.metadata["nb_builder"]["begins"] for cell in texts.markdown(text).cells]
    assert [lines[number - 1] for number in begins] == ["a = 1", "```bash", "a = 1"]


def test_a_header_that_is_no_yaml_is_an_error_in_a_sentence():
    with pytest.raises(ValueError, match="its header is not YAML"):
        texts.markdown("---\njupyter: [a\nb: c: d\n---\n")


MARIMO = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: light
#       format_name: marimo
# ---

a = 1
"""
PANDOC = "---\njupyter:\n  jupytext:\n    text_representation: {extension: .md, format_name: pandoc}\n---\n"


@pytest.mark.parametrize(("name", "text"), [("pandoc", PANDOC), ("marimo", MARIMO)])
def test_no_format_of_a_header_starts_a_program(tmp_path, monkeypatch, name, text):
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho {name} 3.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ValueError, match=f"names the format '{name}'"):
        texts.light(text) if name == "marimo" else texts.markdown(text)
    assert not (tmp_path / "ran").exists()
