"""What tests of the kernel share: an interpreter, and an ipykernel for it."""

import os
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.execute import kernel_overlay
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="session")
def kernel_code():
    """Return the folder with ipykernel for this Python: the one that s2i/install made, or the user's cache."""
    home = Path(os.environ.get("NB_BUILDER_HOME") or Path(__file__).parents[3] / ".nb-builder")
    overlay = home / "overlay" / MINOR
    if not overlay.is_dir():
        overlay = kernel_overlay.cache_folder(os.environ) / MINOR
    if not overlay.is_dir():
        installer = Installer(Path(sys.prefix), MINOR, "auto", os.environ, Log())
        kernel_overlay.make(Python(Path(sys.executable), MINOR), overlay, installer, compiled=True)
    return overlay
