import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import model_imports

CODE = """
import functools
import helpers
import used

class Base:
    def later(self):
        import of_base

class Kept(Base):
    @property
    def prop(self):
        import of_property
    @staticmethod
    def static():
        from of_static import thing

class Held:
    def __init__(self):
        self.inner = [{"key": Kept()}]

def inner(x):
    def innermost():
        import of_nested
    return innermost

held = Held()
partly = functools.partial(lambda a, b: __import__("of_partial"), 1)

class Stubborn:
    @property
    def __dict__(self):
        raise RuntimeError("look away")

held.stubborn = Stubborn()
held.forest = [[number] for number in range(60_000)]

def unreached():
    import of_unreached

def wraps(function):
    def wrapped(x):
        return function(x)
    return wrapped

@wraps
def predictor(x):
    import importlib
    if x is None:
        import of_branch.sub as sub
        importlib.import_module("of_literal")
        importlib.import_module(".of_relative", package="x")
        used.read("a", engine="fast")
        used.lazily
    return helpers.double(x) or inner(x) or held or partly

def validator(x):
    if not x:
        from of import validator as v
    return True
"""
SRC = {
    "helpers/__init__.py": "from . import more\ndef double(x):\n    from . import old\n    return 2 * x\n",
    "helpers/more.py": "PARSERS = ['speedy']\ndef never_called():\n    import of_helper\n    from .late import f\n",
    "helpers/late.py": "import of_late\n",
    "helpers/old.py": "print 'for another Python'\n",
    "elsewhere.py": "import of_elsewhere\n",
}
USED = """
import functools

def f():
    import of_library

class Dispatched:
    def __init__(self, function):
        self.original = function
    def __call__(self, *args, **more):
        return None

@Dispatched
def read(name, engine):
    return step()

def step():
    from of_call import thing
    return second()

def second():
    return third()

def third():
    import of_far_away
"""
DISTRIBUTIONS = {"used": {"files": {"used/__init__.py": USED, "used/lazily.py": ""}}}
DISTRIBUTIONS["fast-reader"] = {"files": {"fast/__init__.py": "", "speedy.py": "", "idle.py": ""}}


@pytest.fixture(scope="module")
def named(make_app_root):
    return model_imports.imports(make_app_root(CODE, DISTRIBUTIONS, SRC))


@pytest.mark.parametrize(
    ("module", "where"),
    [
        ("of_branch.sub", "predictor"),
        ("of_literal", "predictor"),
        ("of.validator", "validator"),
        ("of_nested", "inner"),
        ("of_partial", "<lambda>"),
        ("of_base", "Base.later"),
        ("of_property", "Kept.prop"),
        ("of_static.thing", "Kept.static"),
        ("of_helper", "helpers/more.py"),
        ("of_late", "helpers/late.py"),
        ("used.lazily", "predictor"),
        ("fast", "predictor"),
        ("of_call.thing", "used.step"),
        ("speedy", "helpers/more.py"),
    ],
)
def test_an_import_that_predictor_may_come_to_is_found(named, module, where):
    assert named[module] == where


@pytest.mark.parametrize("module", ["of_unreached", "of_elsewhere", "of_library", "of_far_away", "idle"])
def test_what_predictor_never_comes_to_is_not(named, module):
    assert module not in named


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module(x)",
        "importlib.import_module('plugs.' + x)",
        "importlib.import_module(f'plugs.{x}')",
        "__import__('plug_' + x)",
        "helper.load(x)",
    ],
)
def test_where_a_name_is_computed_every_module_of_the_repository_is_read(make_app_root, call):
    sources = {
        "plugs/one.py": "import of_plug",
        "helper.py": "from importlib import import_module\ndef load(x):\n    return import_module('plugs.' + x)\n",
        ".git/hook.py": "import of_hook",
    }
    code = f"import importlib\nimport helper\ndef predictor(x):\n    return x and {call}\n"
    named = model_imports.imports(make_app_root(code, {}, sources))
    assert named["of_plug"] == "plugs/one.py" and "of_hook" not in named


def test_a_model_that_does_not_load_is_reported(make_app_root):
    root = make_app_root("def predictor(x):\n    return x\n", {})
    (root / "model" / "model.pickle").write_bytes(b"no pickle")
    with pytest.raises(model_imports.ModelUnreadable, match="ModelDamaged"):
        model_imports.imports(root)


def distribution(name, *files):
    return Distribution(name, "1", tuple(f"/v/lib/python3.11/site-packages/{file}" for file in files), 0, False)


INSTALLED = (
    distribution("pandas", "pandas/__init__.py", "pandas/io.py"),
    distribution("cloud-a", "cloud/a/__init__.py"),
    distribution("cloud-b", "cloud/b.py"),
)


@pytest.mark.parametrize(
    ("named", "providers"),
    [
        ({"pandas.io": "f"}, {"pandas": "pandas.io"}),
        ({"pandas.DataFrame": "f"}, {"pandas": "pandas.DataFrame"}),
        ({"cloud.b": "f"}, {"cloud-b": "cloud.b"}),
        ({"cloud": "f"}, {"cloud-a": "cloud", "cloud-b": "cloud"}),
        ({"json": "f", "pan": "f"}, {}),
    ],
)
def test_a_module_is_its_distributions(named, providers):
    assert model_imports.providers(named, INSTALLED) == providers
