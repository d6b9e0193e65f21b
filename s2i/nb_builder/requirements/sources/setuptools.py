"""setup.py, read by its syntax tree and never run, and setup.cfg."""

import ast
import configparser
from pathlib import Path

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.base import Said, Unreadable

_COMPUTED = "install_requires is computed, and setup.py is not run to be read"


def read_setup_py(path: Path) -> Said | None:
    """Return what the call of setup() in a setup.py says by literals; None where it has no such call or argument.

    Raises Unreadable where it is computed.
    """
    try:
        tree = ast.parse(text.read(path))
    except (SyntaxError, ValueError) as wrong:
        raise Unreadable(f"it is no Python ({wrong})") from None
    call = next((node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_setup(node.func)), None)
    given = {keyword.arg: keyword.value for keyword in call.keywords} if call else {}
    if "install_requires" not in given:
        return None
    bound = _bound(tree)
    requires = _literal(given["install_requires"], bound)
    if isinstance(requires, str):
        requires = [line.strip() for line in requires.splitlines() if line.strip()]
    if not isinstance(requires, (list, tuple)) or not all(isinstance(entry, str) for entry in requires):
        raise Unreadable(f"{_COMPUTED} (line {given['install_requires'].lineno})")
    python = _literal(given.get("python_requires"), bound)
    return Said(tuple(requires), python=python if isinstance(python, str) else "")


def read_setup_cfg(path: Path) -> Said | None:
    """Return what the section [options] of a setup.cfg says; None where it says nothing of packages."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text.read(path))
    except configparser.Error as wrong:
        raise Unreadable(f"it is no configuration file ({str(wrong).splitlines()[0]})") from None
    requires = parser.get("options", "install_requires", fallback=None)
    if requires is None:
        return None
    if requires.strip().startswith("file:"):
        raise Unreadable("install_requires names a file; name the packages in requirements.txt")
    lines = [line.strip() for line in requires.replace(";\n", "\n").splitlines()]
    python = parser.get("options", "python_requires", fallback="")
    return Said(tuple(line for line in lines if line and not line.startswith("#")), python=python)


def _is_setup(function: ast.expr) -> bool:
    return getattr(function, "id", getattr(function, "attr", "")) == "setup"


def _bound(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the names that the file's top level binds, each once, with their values."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            # Bound twice: what it is at the call is not for us to work out.
            found.setdefault(node.target.id, []).append(node.value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _literal(node: ast.expr | None, bound: dict[str, ast.expr]) -> object:
    """Return the value of a literal, or of a name that is bound to one; None for what is computed."""
    if isinstance(node, ast.Name):
        node = bound.get(node.id)
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return None
