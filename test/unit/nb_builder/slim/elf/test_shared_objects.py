"""Which shared objects are added to the tree, and which are removed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.elf import headers, shared_objects
from nb_builder.slim.plan.planner import DISTRIBUTIONS, FILES, KEPT, Choice, Plan
from nb_builder.slim.tree import Tree

from engine import provide
from unit.nb_builder.slim.elf.test_headers import PYTHON

LOADER = headers.interpreter(PYTHON)


@pytest.fixture
def site(tmp_path):
    """Return a site-packages as auditwheel leaves it: one.libs has a library that a module needs, and one unneeded."""
    folder = tmp_path / "site-packages"
    (folder / "one.libs").mkdir(parents=True)
    libs = folder / "one.libs"
    compile_here(libs / "libneeded.so.1", "int answer(void) { return 42; }", "-Wl,-soname,libneeded.so.1")
    compile_here(libs / "liblone.so.1", "int other(void) { return 1; }")
    code = "extern int answer(void); int PyInit_one(void) { return answer(); }"
    compile_here(folder / "one.abi3.so", code, str(libs / "libneeded.so.1"), "-Wl,-rpath,$ORIGIN/one.libs")
    return folder


def compile_here(target: Path, code: str, *options: str) -> None:
    gcc = provide.program("gcc", "gcc", "libc6-dev")
    command = [gcc, "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *options, "-o", str(target)]
    subprocess.run(command, input=code.encode(), check=True)


def plan(site, level, *, reason="in use", opened=()):
    files = tuple(str(path) for path in sorted(site.rglob("*")) if path.is_file())
    choice = Choice(Distribution("one", "1", files, 0, True), reason)
    return Plan(level, (choice,), opened=frozenset(str(site / name) for name in opened))


def lay_grafted(site, tmp_path, plan):
    """Lay the shared objects of `site`; return the names that are left in one.libs."""
    tree = Tree(tmp_path / "tree")
    tree.carry_all(site)
    shared_objects.lay(tree, plan, LOADER)
    assert tree.holds(LOADER)
    return sorted(os.listdir(tree.at(site / "one.libs")))


def test_at_level_files_a_library_that_a_wheel_installed_for_a_module_that_is_gone_goes_too(site, tmp_path):
    assert lay_grafted(site, tmp_path, plan(site, FILES)) == ["libneeded.so.1"]


@pytest.mark.parametrize(
    "options",
    [{"level": DISTRIBUTIONS}, {"level": FILES, "reason": KEPT}, {"level": FILES, "opened": ["one.libs/liblone.so.1"]}],
)
def test_such_a_library_stays_at_other_levels_and_where_it_was_mapped_or_its_distribution_is_to_be_whole(
    site, tmp_path, options
):
    assert lay_grafted(site, tmp_path, plan(site, **options)) == ["liblone.so.1", "libneeded.so.1"]


def test_a_library_elsewhere_stays_for_it_may_be_opened_by_its_name(site, tmp_path):
    (site / "one").mkdir()
    shutil.move(site / "one.libs/liblone.so.1", site / "one/liblone.so.1")
    lay_grafted(site, tmp_path, plan(site, FILES))
    assert Tree(tmp_path / "tree").holds(site / "one/liblone.so.1")


def test_smaller_objects_are_the_same_modules(site, tmp_path):
    tree = Tree(tmp_path / "tree")
    tree.carry_all(site)
    before = tree.bytes()
    shared_objects.make_smaller(tree, [site])
    assert tree.bytes() < before
    libraries = headers.libraries(LOADER, [str(tree.at(site / "one.abi3.so"))])
    assert str(tree.at(site / "one.libs/libneeded.so.1")) in libraries[0] and not libraries[1]
