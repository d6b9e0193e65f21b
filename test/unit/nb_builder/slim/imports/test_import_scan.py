import pytest
from nb_builder.slim.imports.import_scan import Modules, computed_in, named_in


@pytest.mark.parametrize(
    ("text", "package", "names"),
    [
        ("import a.b, c as d  # why\n", "", {"a.b", "c"}),
        ("def f():\n    from a import (\n        b as x,\n        c,\n    )\n", "", {"a", "a.b", "a.c"}),
        ("from a import b, \\\n    c\n", "", {"a", "a.b", "a.c"}),
        ("from . import b\nfrom ..c import d\n", "p.q", {"p.q", "p.q.b", "p.c", "p.c.d"}),
        ("x = importlib.import_module( 'a.b')\n", "", {"a.b"}),
        ("# import a\nprint('from a import b')\n", "", set()),
    ],
)
def test_import_statements_are_found_wherever_they_are(text, package, names):
    assert set(named_in(text, package)) == names


@pytest.fixture
def site(tmp_path):
    """Return a folder with packages that name one another."""
    files = {
        "a/__init__.py": "",
        "a/b.py": "def f():\n    from a import c\n    import t\n",
        "a/c.py": "",
        "a/alone.py": "import a.b",
        "t/__init__.py": "from . import u",
        "t/u.cpython-311-x86_64-linux-gnu.so": "\0beside\0t.inner.far\0b\0",
        "t/v.cpython-311-x86_64-linux-gnu.so": "\0a.alone\0",
        "t/beside.py": "",
        "t/inner/far.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def inside(site, files):
    return {file.removeprefix(f"{site}/") for file in files}


def test_what_a_loaded_module_names_stays_with_all_that_it_names(site):
    files = Modules([str(site)]).closure([f"{site}/a/b.py", "/no/module.py"], [])
    assert inside(site, files) == {
        *("a/__init__.py", "a/b.py", "a/c.py", "t/__init__.py", "t/u.cpython-311-x86_64-linux-gnu.so"),
        *("t/beside.py", "t/inner/far.py"),
    }


def test_a_native_module_that_was_loaded_has_what_it_needs(site):
    native = f"{site}/t/v.cpython-311-x86_64-linux-gnu.so"
    assert inside(site, Modules([str(site)]).closure([native], [])) == {native.removeprefix(f"{site}/")}
    assert "a/alone.py" in inside(site, Modules([str(site)]).closure([], ["t.v"]))


def test_where_a_module_is_imported_only_what_stands_in_no_block_is_loaded(tmp_path):
    files = {
        "a.py": "import b as x, c\nfrom d import (\n    e,\n)\ntry:\n    import f\nexcept ImportError:\n    pass\n",
        "b.py": "def later():\n    from f import g\n    import_module('f')\n",
        "c.py": "from g import h\n",
        **dict.fromkeys(("d.py", "f.py", "g.py", "other.py"), ""),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert inside(tmp_path, Modules([str(tmp_path)]).loading(["a"])) == {"a.py", "b.py", "c.py", "d.py", "g.py"}


def test_a_name_includes_the_packages_around_it(site):
    assert inside(site, Modules([str(site)]).closure([], ["a.c", "nowhere"])) == {"a/__init__.py", "a/c.py"}


def test_modules_of_one_name_in_two_folders_both_count(site, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "t.py").write_text("")
    files = Modules([str(site), str(other)]).closure([f"{site}/a/b.py"], [])
    assert f"{other}/t.py" in files and f"{site}/t/__init__.py" in files


def test_extension_modules_of_the_standard_library_have_no_package(tmp_path):
    (tmp_path / "lib-dynload").mkdir()
    (tmp_path / "lib-dynload" / "_ssl.abi3.so").write_text("")
    assert list(Modules([str(tmp_path)]).files) == ["_ssl"]


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("def init():\n    __import__(f'PIL.{plugin}', globals())", {"PIL."}),
        ("x = import_module('spacy.lang.' + name)", {"spacy.lang."}),
        ("x = import_module( '.data.region_%s' % name, __package__)", {".data.region_"}),
        ("x = import_module('a.{}'.format(name))", {"a."}),
        ("def load(name):\n    return importlib.import_module(name)", set()),
        ("def load(a, b):\n    return import_module(f'scipy.{a}.{b}')", set()),
        ("def __getattr__(name):\n    return import_module(f'scipy.{name}')", set()),
        ("def load():\n    return import_module('a.b')", set()),
        ("def import_module(name):\n    pass", set()),
    ],
)
def test_names_that_are_put_together_are_reported_by_how_they_begin(text, begins):
    assert computed_in(text) == begins


def test_where_names_are_put_together_all_that_may_be_meant_stays(tmp_path):
    files = {
        "pic/__init__.py": "",
        "pic/image.py": "def init(plugin):\n    __import__(f'pic.{plugin}')\n",
        "pic/plugins.py": "def load(name):\n    return import_module(f'.plug_{name}', __package__)\n",
        "pic/plug_a.py": "def load(name):\n    __import__('region_%s' % name, globals(), level=1)\n",
        "pic/region_b.py": "",
        "pic/other.py": "import pic.plugins",
        "db/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    modules = Modules([str(tmp_path)])
    assert inside(tmp_path, modules.closure([f"{tmp_path}/pic/plugins.py"], [])) == {
        *("pic/__init__.py", "pic/plugins.py", "pic/plug_a.py", "pic/region_b.py")
    }
    assert inside(tmp_path, modules.closure([f"{tmp_path}/pic/image.py"], [])) == set(files) - {"db/other.py"}
