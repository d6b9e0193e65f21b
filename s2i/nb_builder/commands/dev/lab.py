"""Runs JupyterLab next to the service, in its own environment, with the kernel of the notebook's environment."""

import json
import os
import secrets
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from nb_scorer.protocol.launch import environment

from nb_builder.commands.dev import children

# JupyterLab asks for confirmation on Ctrl-C; on SIGTERM, it stops together with its kernels.
PATIENCE_SECONDS = 10.0
# Set when started from a terminal inside another JupyterLab.
_OF_ANOTHER = ("JUPYTER_", "JPY_")


class Lab:
    """A running JupyterLab."""

    def __init__(self, process: Process, runtime: Path, link: str) -> None:
        """Store the process, the folder of its runtime file, and its link, which contains {port}."""
        self.process = process
        self._facts = runtime / f"jpserver-{process.pid}.json"
        self._link = link

    def link(self) -> str | None:
        """Return the link that opens JupyterLab, or None until it listens."""
        try:
            return self._link.format(port=int(json.loads(self._facts.read_text())["port"]))
        # JupyterLab may still be writing the file.
        except (OSError, ValueError):
            return None

    async def write_log(self, log_file: Path) -> int:
        """Write its output to a file until it exits; return its exit status."""
        if self.process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        with log_file.open("wb") as log:
            async for line in self.process.stdout:
                log.write(line)
                log.flush()
        return await self.process.wait()

    async def end(self) -> None:
        """Stop JupyterLab and its kernels."""
        await children.end(self.process, PATIENCE_SECONDS)


async def start(  # noqa: PLR0913 - where it is, and what it shows, each named at the call
    program: Path, *, folder: Path, notebook: str | None, state: Path, kernels: Path, host: str, shown: str, port: int
) -> Lab:
    """Start JupyterLab for the files in `folder` on `host`, at `port` or a later one; links use the host `shown`.

    `kernels` is the folder on JUPYTER_PATH with our kernel; settings and runtime files are in `state`.
    """
    token = secrets.token_hex(24)
    environ = _environ(state, kernels, token, os.environ)
    process = await children.start(_command(program, folder, host, port), environ, folder=folder)
    path = f"tree/{quote(notebook)}" if notebook else ""
    return Lab(process, state / "runtime", f"http://{shown}:{{port}}/lab/{path}?token={token}")


def _command(program: Path, folder: Path, host: str, port: int) -> list[str | Path]:
    options = {
        "ServerApp.ip": host,
        "ServerApp.port": port,
        # JupyterLab tries the next ports itself: a port that we found free could be taken before it listens.
        "ServerApp.port_retries": 100,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": folder,
        # The user in a container may be root, and can't respond to prompts there.
        "ServerApp.allow_root": True,
        "ServerApp.answer_yes": True,
        # Offers only our kernel: JupyterLab's own Python has none of the notebook's packages.
        "KernelSpecManager.ensure_native_kernel": False,
        "KernelSpecManager.allowed_kernelspecs": "python3",
        "MultiKernelManager.default_kernel_name": "python3",
    }
    return [program, *(f"--{name}={value}" for name, value in options.items())]


def _environ(state: Path, kernels: Path, token: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment; it contains the token, which other users of the machine can't read there."""
    ours = {
        "JUPYTER_TOKEN": token,
        "JUPYTER_PATH": str(kernels),
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
    }
    kept = {name: value for name, value in environment(environ).items() if not name.startswith(_OF_ANOTHER)}
    return {**kept, **ours}
