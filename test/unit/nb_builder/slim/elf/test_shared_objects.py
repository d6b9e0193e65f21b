"""Shared objects of the tree: what comes along, what goes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.elf import headers, shared_objects
from nb_builder.slim.plan.planner import DISTRIBUTIONS, FILES, KEPT, Choice, Plan
from nb_builder.slim.tree import Tree

from unit.nb_builder.slim.elf.test_headers import PYTHON

LOADER = headers.interpreter(PYTHON)


@pytest.fixture
def site(tmp_path):
    """Return a site-packages as auditwheel leaves it: a module needs a library in one.libs, and there is a lone one."""
    folder = tmp_path / "site-packages"
    (folder / "one.libs").mkdir(parents=True)
    here = folder / "one.libs"
    compile_here(here / "libneeded.so.1", "int answer(void) { return 42; }", "-Wl,-soname,libneeded.so.1")
    compile_here(here / "liblone.so.1", "int other(void) { return 1; }")
    code = "extern int answer(void); int PyInit_one(void) { return answer(); }"
    compile_here(folder / "one.abi3.so", code, str(here / "libneeded.so.1"), "-Wl,-rpath,$ORIGIN/one.libs")
    return folder


def compile_here(target: Path, code: str, *options: str) -> None:
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *options, "-o", str(target)]
    subprocess.run(command, input=code.encode(), check=True)


def plan(site, level, *, reason="in use", opened=()):
    files = tuple(str(path) for path in sorted(site.rglob("*")) if path.is_file())
    choice = Choice(Distribution("one", "1", files, 0, True), reason)
    return Plan(level, (choice,), opened=frozenset(str(site / name) for name in opened))


def laid(site, tmp_path, made):
    """Return the names in one.libs after the shared objects of `site` were laid."""
    tree = Tree(tmp_path / "tree")
    tree.carry_all(site)
    shared_objects.lay(tree, made, LOADER)
    assert tree.holds(LOADER)
    return sorted(os.listdir(tree.at(site / "one.libs")))


def test_at_level_files_a_library_that_a_wheel_brought_for_a_module_that_is_gone_goes_too(site, tmp_path):
    assert laid(site, tmp_path, plan(site, FILES)) == ["libneeded.so.1"]


@pytest.mark.parametrize(
    "told",
    [{"level": DISTRIBUTIONS}, {"level": FILES, "reason": KEPT}, {"level": FILES, "opened": ["one.libs/liblone.so.1"]}],
)
def test_such_a_library_stays_at_other_levels_and_where_it_was_mapped_or_its_distribution_is_to_be_whole(
    site, tmp_path, told
):
    assert laid(site, tmp_path, plan(site, **told)) == ["liblone.so.1", "libneeded.so.1"]


def test_a_library_elsewhere_stays_for_it_may_be_opened_by_its_name(site, tmp_path):
    (site / "one").mkdir()
    shutil.move(site / "one.libs/liblone.so.1", site / "one/liblone.so.1")
    laid(site, tmp_path, plan(site, FILES))
    assert Tree(tmp_path / "tree").holds(site / "one/liblone.so.1")


def test_smaller_objects_are_the_same_modules(site, tmp_path):
    tree = Tree(tmp_path / "tree")
    tree.carry_all(site)
    before = tree.bytes()
    shared_objects.make_smaller(tree, [site])
    assert tree.bytes() < before
    told = headers.libraries(LOADER, [str(tree.at(site / "one.abi3.so"))])
    assert str(tree.at(site / "one.libs/libneeded.so.1")) in told[0] and not told[1]
