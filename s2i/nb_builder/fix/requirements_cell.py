"""Writes `requirements`: a new cell, or further entries in the author's own cell, which otherwise stays the same."""

import ast
import json
import re
from collections.abc import Sequence

from nb_builder.common import syntax_trees
from nb_builder.rewrite.keep_requirements import NAME
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound, changed

_MAX_LINE = 100

# (name, version), or (text,)
Entry = tuple[str, ...]


def new(entries: Sequence[Entry]) -> str:
    """Return the source of a cell that lists `entries`."""
    written = [_pair(entry) for entry in entries]
    line = f"{NAME} = [{', '.join(written)}]"
    if len(line) <= _MAX_LINE:
        return line
    return "\n".join([f"{NAME} = [", *(f"    {entry}," for entry in written), "]"])


def plain(entries: Sequence[Entry]) -> str:
    """Return `entries` as text for messages: numpy==2.2.6, six==1.17.0."""
    return ", ".join(_line(entry) for entry in entries)


def has(source: str) -> bool:
    """Return whether a cell binds or modifies `requirements`."""
    return any(_is_of_requirements(statement) for statement in syntax_trees.statements(as_python(source)))


def extended(source: str, entries: Sequence[Entry]) -> str:
    """Return the source of a cell that binds `requirements`, with `entries` appended to its list.

    If the last statement that binds it isn't a plain list, or a later one adds to it, a line is added instead.
    """
    statements = [each for each in syntax_trees.statements(as_python(source)) if _is_of_requirements(each)]
    last = statements[-1]
    listed = _list_of(last)
    if listed is not None:
        result = _in_list(source, listed, entries)
        wanted = [*_values(source, last), *_as_written(source, listed, entries)]
        if result is not None and _values(result, last) == wanted:
            return result
    return _behind(source, last, entries)


def _is_of_requirements(statement: ast.stmt) -> bool:
    return NAME in bound([statement]) | changed(statement)


def _list_of(statement: ast.stmt) -> ast.List | ast.Tuple | None:
    """Return the list that a statement assigns only to `requirements`; None for any other statement."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    alone = len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == NAME
    value = getattr(statement, "value", None)
    assigns = isinstance(statement, (ast.Assign, ast.AnnAssign))
    return value if assigns and alone and isinstance(value, (ast.List, ast.Tuple)) else None


def _in_list(source: str, listed: ast.List | ast.Tuple, entries: Sequence[Entry]) -> str | None:
    """Return `source` with `entries` in the list; None if its bracket isn't at the expected position."""
    lines = _lines(source)
    written = _texts(source, listed, entries)
    if not listed.elts:
        row, column = _end(lines, listed)
        # The list's own bracket is its last character.
        inside = ", ".join(written) + ("," if isinstance(listed, ast.Tuple) else "")
        return _inserted(lines, row, column - 1, inside) if lines[row][column - 1 : column] in ("]", ")") else None
    last = listed.elts[-1]
    row, column = _end(lines, last)
    if listed.end_lineno == last.end_lineno:
        return _inserted(lines, row, column, "".join(f", {entry}" for entry in written))
    first = lines[last.lineno - 1]
    # The first entry may be on the bracket's line, and the others below it.
    indent = first[: _column(lines, last.lineno - 1, last.col_offset)]
    indent = indent if not indent.strip() else " " * len(indent)
    comma = "," if lines[row][column:].lstrip().startswith(",") else ""
    lines[row] = lines[row] if comma else lines[row][:column] + "," + lines[row][column:]
    below = [f"{indent}{entry},{_ending(lines[row])}" for entry in written[:-1]]
    below.append(f"{indent}{written[-1]}{comma}{_ending(lines[row])}")
    return "".join([*lines[: row + 1], *below, *lines[row + 1 :]])


def _behind(source: str, last: ast.stmt, entries: Sequence[Entry]) -> str:
    """Return `source` with a line below the statement `last`."""
    lines = _lines(source)
    row = (last.end_lineno or last.lineno) - 1
    # Lists and tuples alike.
    added = f"{_indent(lines[last.lineno - 1])}{NAME} = [*{NAME}, {', '.join(_pair(entry) for entry in entries)}]"
    if lines[row].endswith("\n"):
        return "".join([*lines[: row + 1], added + _ending(lines[row]), *lines[row + 1 :]])
    return "".join([*lines, _ending(lines[0]), added])


def _values(source: str, like: ast.stmt) -> list:
    """Return the dumps of the list entries that the line of `like` assigns; none if there is no list."""
    for statement in syntax_trees.statements(as_python(source)):
        if statement.lineno == like.lineno and (listed := _list_of(statement)) is not None:
            return [ast.dump(element) for element in listed.elts]
    return []


def _as_written(source: str, listed: ast.List | ast.Tuple, entries: Sequence[Entry]) -> list[str]:
    """Return the dumps of `entries` as they are written to `listed`."""
    return [ast.dump(ast.parse(text, mode="eval").body) for text in _texts(source, listed, entries)]


def _texts(source: str, listed: ast.List | ast.Tuple, entries: Sequence[Entry]) -> list[str]:
    """Return `entries` in the list's style: pairs in brackets or parentheses, or plain strings."""
    kinds = {type(element) for element in listed.elts}
    if kinds == {ast.Constant}:
        texts = [json.dumps(_line(entry)) for entry in entries]
    elif kinds == {ast.Tuple}:
        texts = [f"({_pair(entry)[1:-1]})" if len(entry) > 1 else _pair(entry) for entry in entries]
    else:
        texts = [_pair(entry) for entry in entries]
    own = "".join(_lines(source)[listed.lineno - 1 : listed.end_lineno])
    return [text.replace('"', "'") for text in texts] if "'" in own and '"' not in own else texts


def _pair(entry: Entry) -> str:
    return json.dumps(list(entry)) if len(entry) > 1 else json.dumps(entry[0])


def _line(entry: Entry) -> str:
    return "==".join(entry)


def _lines(source: str) -> list[str]:
    """Return the lines of `source` with their line ends, split as Python does."""
    return re.findall(r"[^\n]*\n|[^\n]+", source)


def _ending(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else "\n"


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _end(lines: Sequence[str], node: ast.expr) -> tuple[int, int]:
    """Return the row and column, both from 0, after an expression."""
    row = (node.end_lineno or node.lineno) - 1
    return row, _column(lines, row, node.end_col_offset or 0)


def _column(lines: Sequence[str], row: int, offset: int) -> int:
    """Return the column in characters of a UTF-8 offset, relative to the line start that IPython uses."""
    indent = _indent(next((line for line in lines if line.strip()), ""))
    line = lines[row]
    removed = len(indent) if line.startswith(indent) else 0
    return removed + len(line[removed:].encode()[:offset].decode(errors="replace"))


def _inserted(lines: Sequence[str], row: int, column: int, text: str) -> str:
    return "".join([*lines[:row], lines[row][:column] + text + lines[row][column:], *lines[row + 1 :]])
