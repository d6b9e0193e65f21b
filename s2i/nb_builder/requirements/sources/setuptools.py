"""Reads setup.cfg, and setup.py, which is parsed but never run."""

import ast
import configparser
from pathlib import Path

from nb_builder.requirements.sources import text
from nb_builder.requirements.sources.declaration import Packages, Unreadable

_COMPUTED = "install_requires is computed, and the build does not run setup.py"


def read_setup_py(path: Path) -> Packages | None:
    """Return install_requires of the setup() call in a setup.py, or None without such a call or argument.

    Raises Unreadable if it is computed instead of made of literals.
    """
    try:
        tree = ast.parse(text.read(path))
    except (SyntaxError, ValueError) as error:
        raise Unreadable(f"it is not Python ({error})") from None
    call = next((node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_setup(node.func)), None)
    arguments = {keyword.arg: keyword.value for keyword in call.keywords} if call else {}
    if "install_requires" not in arguments:
        return None
    bound = _bound(tree)
    requires = _literal(arguments["install_requires"], bound)
    if isinstance(requires, str):
        requires = [line.strip() for line in requires.splitlines() if line.strip()]
    if not isinstance(requires, (list, tuple)) or not all(isinstance(entry, str) for entry in requires):
        raise Unreadable(f"{_COMPUTED} (line {arguments['install_requires'].lineno})")
    python = _literal(arguments.get("python_requires"), bound)
    return Packages(tuple(requires), python=python if isinstance(python, str) else "")


def read_setup_cfg(path: Path) -> Packages | None:
    """Return install_requires of [options] in a setup.cfg, or None. Raises Unreadable."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text.read(path))
    except configparser.Error as error:
        raise Unreadable(f"it is not a configuration file ({str(error).splitlines()[0]})") from None
    requires = parser.get("options", "install_requires", fallback=None)
    if requires is None:
        return None
    if requires.strip().startswith("file:"):
        raise Unreadable("install_requires names a file; name the packages in requirements.txt")
    lines = [line.strip() for line in requires.replace(";\n", "\n").splitlines()]
    python = parser.get("options", "python_requires", fallback="")
    return Packages(tuple(line for line in lines if line and not line.startswith("#")), python=python)


def _is_setup(function: ast.expr) -> bool:
    return getattr(function, "id", getattr(function, "attr", "")) == "setup"


def _bound(tree: ast.Module) -> dict[str, ast.expr]:
    """Return {name: value} for the names that the file assigns exactly once."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            # Assigned twice, so it is not clear which value the call gets.
            values.setdefault(node.target.id, []).append(node.value)
    return {name: assigned[0] for name, assigned in values.items() if len(assigned) == 1}


def _literal(node: ast.expr | None, bound: dict[str, ast.expr]) -> object:
    """Return the value of a literal, or of a name that is bound to one; None for any other expression."""
    if isinstance(node, ast.Name):
        node = bound.get(node.id)
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return None
