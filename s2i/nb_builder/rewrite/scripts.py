"""Generates script one and script two: the transforms for each, and their output format."""

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from traitlets.config import Config

from nb_builder.common import visible
from nb_builder.common.cell import Cell
from nb_builder.rewrite.emit_requirements import EmitRequirements
from nb_builder.rewrite.keep_requirements import KeepRequirements
from nb_builder.rewrite.magics import MagicsToPython
from nb_builder.rewrite.number_cells import BEGINS, NumberCells
from nb_builder.rewrite.save_model import SaveModel


class PercentExporter(TemplateExporter):
    """Writes a notebook as a Python script in percent format: `# %%` before each cell."""

    file_extension = ".py"
    output_mimetype = "text/x-python"
    extra_template_basedirs = [str(Path(__file__).with_name("templates"))]  # noqa: RUF012 - a trait of nbconvert's
    template_name = "percent"

    def default_filters(self) -> Iterable[tuple[str, Callable]]:
        """Return nbconvert's filters, and those that keep untrusted text inside a comment."""
        return [*super().default_filters(), ("one_line", visible.line), ("commented", _commented)]


@dataclass(frozen=True)
class Script:
    """A script as text, and its cells."""

    text: str
    cells: tuple[Cell, ...]


def author_cells(node: NotebookNode) -> tuple[Cell, ...]:
    """Return the notebook's own code cells as plain Python, numbered as in Jupyter."""
    return _cells(_transform(node, [NumberCells, MagicsToPython], Config()))


def requirements_script(node: NotebookNode, notebook: Path) -> Script:
    """Return script one: what `requirements` depends on, and the lines that emit requirements.txt."""
    steps = [NumberCells, MagicsToPython, KeepRequirements, EmitRequirements]
    return _script(
        node, steps, Config(), notebook, "emits requirements.txt, to the file named as argument or to stdout"
    )


def model_script(node: NotebookNode, notebook: Path, facts: dict | None) -> Script:
    """Return script two: every cell, and the cells that save predictor and validator (`facts`: see SaveModel).

    Without `facts`, for a notebook that another one follows, it saves nothing.
    """
    steps = [NumberCells, MagicsToPython]
    if facts is None:
        return _script(node, steps, Config(), notebook, "runs every cell")
    config = Config({"SaveModel": {"facts": facts}})
    return _script(node, [*steps, SaveModel], config, notebook, "runs every cell and saves predictor and validator")


def _script(node: NotebookNode, steps: list, config: Config, notebook: Path, purpose: str) -> Script:
    transformed = _transform(node, steps, config)
    resources = {"nb_builder": {"notebook": str(notebook), "purpose": purpose}}
    text, _ = _exporter().from_notebook_node(transformed, resources=resources)
    return Script(text.rstrip("\n") + "\n", _cells(transformed))


@cache
def _exporter() -> PercentExporter:
    """Return the exporter, which has compiled its templates after its first script."""
    # The transforms have been applied before: the exporter only writes the script.
    return PercentExporter(config=Config({"PercentExporter": {"default_preprocessors": []}}))


def _commented(text: str) -> str:
    """Return text with `#` before each line; for Python, a lone CR is also a line end."""
    return "\n".join(f"# {line}" for line in re.split(r"\r\n?|\n", text))


def _transform(node: NotebookNode, steps: list, config: Config) -> NotebookNode:
    result = copy.deepcopy(node)
    for step in steps:
        result, _ = step(config=config).preprocess(result, {})
    return result


def _cells(node: NotebookNode) -> tuple[Cell, ...]:
    return tuple(_cell(cell) for cell in node.cells if cell.cell_type == "code")


def _cell(node: NotebookNode) -> Cell:
    location = node.metadata["nb_builder"]
    tags = tuple(node.metadata.get("tags", ()))
    return Cell(node.source, location["number"], location["position"], tags, location["shown"], location[BEGINS])
