"""A user's own environment with the wheel of nb-builder in it, and kernels of notebooks there."""

import json
import os
import subprocess
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

ROOT = Path(__file__).parents[1]
HOME = Path(os.environ.get("NB_BUILDER_HOME", ROOT / ".nb-builder"))
LIMIT = 240


def environment_with_wheel(folder: Path) -> Path:
    """Make an environment with the wheel and what a kernel needs below `folder`, and return its Python."""
    uv, home = HOME / "build" / "bin" / "uv", folder / "own"
    for words in (
        ["build", "--wheel", "--out-dir", folder / "dist", ROOT],
        ["venv", "--python", HOME / "test" / "bin" / "python", home],
        ["pip", "install", "--python", home, "-c", ROOT / "s2i" / "requirements.lock", "ipykernel", "numpy"],
    ):
        subprocess.run([uv, "--quiet", *words], check=True, timeout=LIMIT)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([uv, "--quiet", "pip", "install", "--python", home, "--no-index", wheel], check=True)
    return home / "bin" / "python"


def save(path: Path, *sources: str) -> None:
    """Write a notebook of these cells, which are called a1, a2, and so on."""
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "id": f"a{number}", "source": source} for number, source in enumerate(sources, 1)]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")


class Kernel:
    """A kernel of an environment for a notebook, as Jupyter's server starts it; `with` ends it."""

    def __init__(self, python: Path, notebook: Path, **env: str):
        self.file, _ = write_connection_file(str(notebook.with_suffix(".connection")))
        # A group of its own, which is what Jupyter's server interrupts.
        self.process = subprocess.Popen(
            [python, "-m", "ipykernel_launcher", "-f", self.file],
            cwd=notebook.parent,
            env={**os.environ, "JPY_SESSION_NAME": str(notebook), **env},
            start_new_session=True,
        )

    def __enter__(self):
        """Wait until it answers; return it."""
        self.client = BlockingKernelClient()
        self.client.load_connection_file(self.file)
        # No heartbeat: on a busy machine a late one would pass for a death.
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()

    def run(self, code: str) -> tuple[str, str, str, list]:
        """Run a cell; return what it printed, the last panel as HTML and as text, and the payload."""
        printed, html, text = "", "", ""

        def take(message: dict) -> None:
            nonlocal printed, html, text
            content = message["content"]
            printed += content.get("text", "") + "\n".join(content.get("traceback", ()))
            if message["msg_type"] == "display_data":
                html, text = content["data"].get("text/html", ""), content["data"]["text/plain"]

        reply = self.client.execute_interactive(code, timeout=LIMIT, output_hook=take, store_history=True)
        return printed, html, text, reply["content"].get("payload", [])
