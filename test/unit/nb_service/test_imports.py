"""Who imports whom."""

import ast
import subprocess
import sys
from pathlib import Path

import nb_service

ROOT = Path(nb_service.__file__).parent


def imported(path):
    """Return the modules of the service that a module imports, wherever in it, but what only its hints name."""
    found = set()
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and _is_for_hints(node.test))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def _is_for_hints(test):
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def modules():
    """Return {module: the modules of the service that it imports}; a package's own names count as the package."""
    paths = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
    names = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    return {name: imported(path) & set(names) - {name} for name, path in names.items()}


def test_no_module_imports_one_that_imports_it():
    left = modules()
    # A package and what is in it are one: __init__ may name its parts, and they what it defines.
    left = {name: {one for one in used if not name.startswith(f"{one}.")} for name, used in left.items()}
    while ready := {name for name, used in left.items() if not used}:
        left = {name: used - ready for name, used in left.items() if name not in ready}
    assert left == {}


def test_a_start_imports_nothing_that_a_health_check_can_do_without():
    # Each takes a part of the tenth of a second within which a service must be healthy.
    slow = ("flask", "prometheus_client", "nb_service.app.factory", "nb_service.protocols", "opentelemetry")
    slow += ("waitress", "tempfile", "decimal", "_strptime", "importlib.metadata")
    if sys.version_info < (3, 14):
        # Since then, the standard library's own traceback imports it.
        slow += ("dataclasses",)
    parts = "nb_service.__main__, nb_service.front.server"
    program = f"import sys, {parts}; print([name for name in {slow} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
    assert ran.stdout == "[]\n", ran.stdout + ran.stderr
