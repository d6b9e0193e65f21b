"""The magics in JupyterLab, in a real browser: their panels, links and the cell that one proposes."""

import json
import os
import signal
import subprocess
import time
import urllib.request

import pytest

from contract import clients
from contract.services import free_port
from kernels import HOME, LIMIT, ROOT, environment_with_wheel, save

TOKEN = "a-token-of-ours"
RUN = (
    "%load_ext nb_builder",
    "def predictor(x):\n    return x + 1",
    "%nb_check",
    "%nb_serve good.ipynb",
    "%nb_golden 1",
)
# Out of sight, never run.
BELOW = ("# one line\n" * 80, "import somewhere")
# What JupyterLab's server has to end with its kernels.
PATIENCE = 30
pytestmark = pytest.mark.long


@pytest.fixture
def lab(tmp_path):
    """Return the address of a notebook in a JupyterLab whose kernel has our wheel."""
    subprocess.run([ROOT / "s2i/install", HOME, "--lab"], check=True, timeout=LIMIT)
    python = environment_with_wheel(tmp_path)
    spec = tmp_path / "jupyter/kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}))
    (tmp_path / "notebooks").mkdir()
    save(tmp_path / "notebooks/model.ipynb", *RUN, *BELOW)
    save(tmp_path / "notebooks/good.ipynb", RUN[1])
    port = free_port()
    options = {
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": tmp_path / "notebooks",
        "ServerApp.allow_root": True,
        "KernelSpecManager.ensure_native_kernel": False,
    }
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    ours = {f"JUPYTER_{name}": str(tmp_path / "state" / name) for name in names}
    server = subprocess.Popen(
        [HOME / "lab/bin/jupyter-lab", *(f"--{name}={value}" for name, value in options.items())],
        env={
            **os.environ,
            **ours,
            "HOME": str(tmp_path),
            "JUPYTER_PATH": str(tmp_path / "jupyter"),
            "JUPYTER_TOKEN": TOKEN,
            "NB_BUILDER_HOME": str(tmp_path / "home"),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
        },
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + LIMIT
    while not _answers(f"{address}/api") and time.monotonic() < until:
        assert server.poll() is None
        time.sleep(0.2)
    yield f"{address}/lab/tree/model.ipynb?token={TOKEN}"
    server.send_signal(signal.SIGTERM)
    server.wait(PATIENCE)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_in_jupyterlab_panels_are_shown_links_lead_to_cells_and_a_cell_is_proposed(lab, chromium):
    seen = clients.ask("browser", "in_lab.py", lab, chromium, len(RUN))
    checked, served, asked = seen["panels"]
    assert checked.startswith("1 finding") and "cell [7], line 1: import somewhere" in checked
    assert served.startswith("Serving until this kernel stops") and asked.startswith("Answered: 1 of 1")
    assert "examples = [1]" in seen["cells"]
    # What is said of the notebook of the kernel is not said of another.
    assert "good" in seen["served"] and "It does not include the last changes" not in served
    # In the window where the notebook is; the only other one is the service's.
    assert seen["windows"] == 2
