import compileall
import os

import pytest
from nb_builder.common import installed

from unit.nb_builder.slim import venvs


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """Return a venv with a package, a single module, a script and two owners of one namespace."""
    folder = venvs.make(tmp_path_factory.mktemp("venv"))
    venvs.install(
        folder,
        "Big_Package",
        {"big/__init__.py": "x = 1\n" * 100, "big/_core.abi3.so": "no code", "../../../bin/big": "#!python\n"},
        version="2.5",
        requires=["single>=1", 'other; extra == "all"'],
    )
    venvs.install(folder, "single", {"single.py": "", "space/one.py": "", "space/__init__.py": ""})
    venvs.install(folder, "second", {"space/two/__init__.py": "", "space/__init__.py": "", "gone.py": ""})
    (venvs.site(folder) / "gone.py").unlink()
    compileall.compile_dir(venvs.site(folder), quiet=2)
    return folder


@pytest.fixture
def distributions(venv):
    return {distribution.name: distribution for distribution in installed.installed(venv)}


def names(files):
    return {os.path.basename(file) for file in files}


def test_the_biggest_comes_first_under_the_name_that_the_index_has(venv):
    assert [distribution.name for distribution in installed.installed(venv)][:1] == ["big-package"]


def test_a_distribution_has_what_its_record_names_and_the_bytecode_next_to_it(distributions):
    big = distributions["big-package"]
    compiled = [name for name in names(big.files) if name.endswith(".pyc")]
    assert {"__init__.py", "_core.abi3.so", "big", "METADATA", "RECORD"} < names(big.files)
    assert len(compiled) == 1
    assert big.bytes == sum(os.path.getsize(file) for file in big.files)
    assert (big.version, big.native, big.requires) == ("2.5", True, ("single>=1", 'other; extra == "all"'))
    assert not distributions["single"].native


def test_what_is_not_there_belongs_to_no_one(distributions):
    assert "gone.py" not in names(distributions["second"].files)


def test_a_shared_file_has_two_owners(distributions):
    owners_of = installed.owners(distributions.values())
    shared = next(file for file in owners_of if file.endswith("space/__init__.py"))
    assert {distribution.name for distribution in owners_of[shared]} == {"second", "single"}


def test_modules_are_known_by_their_dotted_names(distributions):
    modules = installed.modules(distributions.values())
    assert set(modules) == {"big", "big._core", "single", "space", "space.one", "space.two"}
    assert [distribution.name for distribution in modules["space.two"]] == ["second"]


def test_a_venv_without_packages_holds_nothing(tmp_path):
    assert installed.installed(tmp_path) == ()


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/v/lib/python3.11/site-packages/a/b.cpython-311-x86_64-linux-gnu.so", "a.b"),
        ("/v/lib/python3.11/site-packages/a/__init__.py", "a"),
        ("/v/lib/python3.11/site-packages/a.libs/libx-1f.so.5.0", ""),
        ("/v/lib/python3.11/site-packages/a/data.csv", ""),
        ("/v/lib/python3.11/site-packages/a/__pycache__/b.cpython-311.pyc", ""),
        ("/v/bin/a.py", ""),
    ],
)
def test_a_file_is_a_module_by_its_place_and_suffix(file, module):
    assert installed.module_of(file) == module


@pytest.mark.parametrize(
    ("file", "is_one"), [("/s/a.py", True), ("/s/a.abi3.so", True), ("/s/liba.so", False), ("/s/a.txt", False)]
)
def test_a_library_that_no_import_finds_is_no_module(file, is_one):
    assert installed.is_module(file) is is_one


def test_metadata_and_start_files_are_reported_from_the_rest():
    assert installed.is_metadata("/s/a-1.dist-info/entry_points.txt")
    assert installed.is_metadata("/s/distutils-precedence.pth")
    assert not installed.is_metadata("/s/a/info.py")


def test_shared_objects_may_have_versions():
    assert installed.is_shared_object("/s/libgomp-a3.so.1.0.0") and installed.is_shared_object("/s/a.so")
    assert not installed.is_shared_object("/s/a.sol")
