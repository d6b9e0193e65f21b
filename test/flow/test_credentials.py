"""A password in the address of an index opens the index, and is then nowhere to be found."""

import base64
import http.server
import shutil
import subprocess
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest

from cases import named
from flow import stage

PASSWORD = "s3cr3t-pass"


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to clients with the password."""

    def do_GET(self):
        wanted = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == wanted:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()

    def log_message(self, *words):
        pass


@contextmanager
def index(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://me:{PASSWORD}@127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def wheel(folder):
    """Put the smallest wheel there is where an index would have it."""
    (folder / "simple/guarded-alpha").mkdir(parents=True)
    name = "guarded_alpha-1.0"
    files = {
        "guarded_alpha.py": "x = 41\n",
        f"{name}.dist-info/METADATA": "Metadata-Version: 2.1\nName: guarded-alpha\nVersion: 1.0\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{name}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
    with zipfile.ZipFile(folder / f"simple/guarded-alpha/{name}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    (folder / "simple/guarded-alpha/index.html").write_text(f'<a href="{name}-py3-none-any.whl">{name}</a>')


def places(root):
    """Return the files below `root` that hold the password."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_password_in_an_address_is_used_and_kept_nowhere(tmp_path):
    wheel(tmp_path / "index")
    cells = (
        'requirements = [["guarded-alpha", "1.0"]]',
        "import guarded_alpha",
        "def predictor(x):\n    return guarded_alpha.x + x",
    )
    with index(tmp_path / "index") as address:
        built, _ = stage.build_of(tmp_path, *cells, "predictor(1)", PIP_EXTRA_INDEX_URL=address)
    assert built.status == 0, built.stdout
    assert PASSWORD not in built.stdout + built.stderr
    assert "guarded-alpha==1.0" in built.stdout
    assert (built.app_root / "model/model.pickle").exists()
    assert places(built.app_root) == []


def test_a_password_is_kept_out_of_the_words_of_a_failure(tmp_path):
    wheel(tmp_path / "index")
    with index(tmp_path / "index") as address:
        cells = ('requirements = [["guarded-alpha", "2.0"]]', "def predictor(x):\n    return x")
        built, _ = stage.build_of(tmp_path, *cells, PIP_EXTRA_INDEX_URL=address)
    assert built.status == 1
    assert "guarded-alpha" in built.stdout
    assert PASSWORD not in built.stdout + built.stderr
    assert places(built.app_root) == []


def test_a_password_in_a_line_of_requirements_comes_from_outside_and_is_kept_nowhere(tmp_path):
    wheel(tmp_path / "index")
    with index(tmp_path / "index") as address:
        line = address.replace(PASSWORD, "${INDEX_PASSWORD}")
        cells = (
            f'requirements = ["--extra-index-url {line}", ["guarded-alpha", "1.0"]]',
            "import guarded_alpha",
            "def predictor(x):\n    return guarded_alpha.x + x",
        )
        env = {"INDEX_PASSWORD": PASSWORD, "S2I_ALLOW_INDEXES": "127.0.0.1"}
        built, _ = stage.build_of(tmp_path, *cells, "predictor(1)", **env)
    assert built.status == 0, built.stdout
    assert PASSWORD not in built.stdout + built.stderr
    assert places(built.app_root) == []


@pytest.mark.parametrize("branch", ["main", "no-such-branch"])
def test_a_password_of_a_git_repository_is_used_and_kept_nowhere(tmp_path, branch):
    repository = shutil.copytree(
        named("ok-requirement-from-git").repo / "alpha.git", tmp_path / "served/simple/alpha.git"
    )
    subprocess.run(["git", "update-server-info"], cwd=repository, check=True)
    with index(tmp_path / "served") as address:
        url = f"{address}/alpha.git".replace(PASSWORD, "${GIT_PASSWORD}")
        cells = (
            f'requirements = ["alpha @ git+{url}@{branch}"]',
            "import alpha",
            "def predictor(x):\n    return alpha.factor + x",
        )
        built, _ = stage.build_of(tmp_path, *cells, "predictor(1)", GIT_PASSWORD=PASSWORD)
    assert PASSWORD not in built.stdout + built.stderr
    assert places(built.app_root) == []
    if branch == "main":
        lock = (built.app_root / "build/requirements.lock").read_text()
        assert f"alpha @ git+http://{urlsplit(address).netloc.rpartition('@')[2]}/simple/alpha.git@" in lock
    else:
        assert "(problem git-failed)" in built.stdout
