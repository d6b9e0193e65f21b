"""Level `files`, of made-up environments: which single files go of distributions, of the front and of the library."""

import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.plan import unused_files
from nb_builder.slim.trace.selftest import Verdict
from nb_builder.slim.trace.tracer import Trace

SITE = "lib/python3.11/site-packages"
USED = {
    "used/__init__.py": "def later():\n    from used import named\n",
    "used/named.py": "",
    "used/unnamed.py": "open('of_unnamed.csv')",
    "used/lazy.py": "import sndhdr.client",
    "used/native.cpython-311-x86_64-linux-gnu.so": "",
    "used/notes.txt": "",
    "used/__pycache__/unnamed.cpython-311.pyc": "",
    "used/opened/a.ttf": "",
    "used/of_code/of_named.txt": "",
    "used/of_repository/of_repository.json": "",
    "used/of_notebook/of_notebook.xml": "",
    "used/of_picture/of_picture.svg": "",
    "used/of_unnamed/of_unnamed.csv": "",
}
IDLE = {"idle/__init__.py": "from idle import first\n", "idle/first.py": "", "idle/rest.py": "", "idle/zones/a": ""}
WHOLE = {"whole/__init__.py": "", "whole/part.py": "import wave\n", "whole/tables/a.csv": ""}
PLUGGED = {
    "plugged/__init__.py": "",
    "plugged/found.py": "",
    "plugged/program.py": "",
    "plugged-1.dist-info/entry_points.txt": "[used.plugs]\none = plugged.found:load\n"
    "[console_scripts]\nrun = plugged.program:main\n",
}
LIBRARY = {
    "os.py": "",
    "wave.py": "import chunk\n",
    "chunk.py": "",
    "aifc.py": "",
    "sndhdr/__init__.py": "",
    "sndhdr/client.py": "",
    "sndhdr/server.py": "",
    "dbm/__init__.py": "",
    "dbm/dumb.py": "import ast\n",
    "ast.py": "",
    "encodings/__init__.py": "",
    "encodings/cp437.py": "",
    "_sysconfigdata__linux_x86_64-linux-gnu.py": "",
    "README.txt": "",
}
FRONT = {
    "fronted/__init__.py": "",
    "fronted/app.py": "",
    "fronted/cli.py": "",
    "nb_service/__init__.py": "",
    "METADATA": "",
}


def lay(folder, files):
    """Write `files` ({path: text}) below `folder`."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return tuple(f"{folder}/{name}" for name in files)


@pytest.fixture
def left_out(tmp_path):
    """Return what says, in names below the folders of packages, what is left out where `used` has been in use."""
    app_root, home, library = tmp_path / "app", tmp_path / "home", tmp_path / "python"
    site, front = app_root / "venv" / SITE, home / "service" / SITE
    lay(app_root / "src", {"lib/read.py": "open('of_repository.json')", "model.ipynb": '"of_notebook.xml"'})
    lay(app_root / "src", {"picture.png": "of_picture.svg"})
    used, idle, whole, plugged = (
        Distribution(name, "1", lay(site, files), 0, False)
        for name, files in {"used": USED, "idle": IDLE, "whole": WHOLE, "plugged": PLUGGED}.items()
    )
    lay(front, FRONT)
    lay(library, LIBRARY)
    in_use = [site / "used/__init__.py", site / "used/opened/a.ttf", front / "fronted/app.py"]
    in_use += [library / "os.py", library / "encodings/__init__.py"]
    (site / "used/named.py").write_text("open('of_named.txt')")

    def asked(*lazily, knows_data=True):
        traced = Trace(frozenset(map(str, in_use)), Verdict(True, 1, True, (), ""), True, knows_data)
        gone = unused_files.left_out((used, idle, whole, plugged), (whole,), traced, lazily, app_root, home)
        return {
            file.replace(str(library), "python").replace(str(front), "front").replace(str(site), "site")
            for file in gone
        }

    return asked


CODE = {
    "site/used/unnamed.py",
    "site/used/__pycache__/unnamed.cpython-311.pyc",
    "site/used/lazy.py",
    "site/used/native.cpython-311-x86_64-linux-gnu.so",
    "site/idle/rest.py",
    "site/plugged/program.py",
    "python/aifc.py",
    "python/sndhdr/__init__.py",
    "python/sndhdr/client.py",
    "python/sndhdr/server.py",
    "front/fronted/cli.py",
    "front/fronted/__init__.py",
}
DATA = {"site/used/of_picture/of_picture.svg", "site/used/of_unnamed/of_unnamed.csv"}


def test_what_nothing_used_and_no_code_names_goes_of_modules_and_of_folders_of_data(left_out):
    assert left_out() == CODE | DATA


def test_what_the_notebook_names_stays_with_what_that_names(left_out):
    stays = {"site/used/lazy.py", "python/sndhdr/__init__.py", "python/sndhdr/client.py"}
    assert left_out("used.lazy") == (CODE | DATA) - stays


def test_no_data_goes_where_the_kernel_can_t_say_what_was_opened(left_out):
    assert left_out(knows_data=False) == CODE
