"""The way without an engine needs nothing that only Linux has: neither at import, nor of the shell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "s2i" / name for name in ("install", "python", "nb-builder", "check")] + sorted(
    ROOT.glob("s2i/bin/*")
)
# What bash has since 4.0, while macOS has 3.2.
LATER_BASH = re.compile(
    r"\bmapfile\b|\breadarray\b|\bdeclare -[Ag]|\blocal -n\b|\bcoproc\b|\$\{\w+(?:,,|\^\^|@)"
    r"|\|&|&>>|\bwait -n\b|\[\[ -v "
)
# What GNU's tools have, and those of BSD, which macOS has, do not.
GNU = re.compile(
    r"\bsed (?:-\w+ )*-[irz]\b|\bgrep -\w*P|\breadlink -[ef]|\bdate -d\b|\bsha256sum\b|\bstat -c\b|\bcp -\w*T\b"
)
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import portable
portable.take_away()
for package in sys.argv[2:]:
    top = importlib.import_module(package)
    for module in pkgutil.walk_packages(top.__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_understood_by_bash_3_2_and_calls_no_tool_of_gnu_s_own(script):
    lines = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if LATER_BASH.search(line) or GNU.search(line)] == []


def test_the_patterns_find_what_they_are_for():
    for line in ("mapfile -t a < <(b)", "echo ${a,,}", "declare -A map"):
        assert LATER_BASH.search(line)
    for line in ("sed -i s/a/b/ file", "grep -oP x", "sha256sum file", "readlink -f x"):
        assert GNU.search(line)


@pytest.mark.parametrize(
    "packages",
    [
        ["nb_builder.cli", "nb_builder.commands"],
        ["nb_service.front", "nb_service.pool", "nb_service.app"],
        ["nb_scorer"],
    ],
)
def test_nothing_is_imported_that_only_linux_has(packages):
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL, ROOT / "test", *packages], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
