"""The folders of `$APP_ROOT` during a build, and what remains of them if the build fails."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nb_scorer.common import paths

# OpenShift runs containers as an arbitrary user in group 0, so that group needs the owner's permissions.
OPENSHIFT_GROUP = 0


class Workspace:
    """The folders of one build below `app_root`; their names are defined in nb_scorer.common.paths."""

    def __init__(self, app_root: Path) -> None:
        """Set the paths of the folders, without creating any."""
        self.root = app_root
        self.src = app_root / paths.SRC
        self.build = app_root / paths.BUILD
        self.venv = app_root / paths.VENV
        self.model = app_root / paths.MODEL

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Remove an earlier build's results, and this build's if it fails; build/ stays, for the user to read."""
        self._remove_results()
        shutil.rmtree(self.build, ignore_errors=True)
        self.build.mkdir(parents=True)
        try:
            yield
        except BaseException:
            # Runs after Ctrl-C and SIGTERM, too: an incomplete venv or model must never be served.
            self._remove_results()
            raise

    def open_to_group(self) -> None:
        """Give the group the owner's permissions on everything, if this process runs in OpenShift's group."""
        if os.getgid() != OPENSHIFT_GROUP:
            return
        for folder, folders, files in os.walk(self.root):
            for name in [*folders, *files]:
                _open_to_group(os.path.join(folder, name))

    def _remove_results(self) -> None:
        shutil.rmtree(self.venv, ignore_errors=True)
        shutil.rmtree(self.model, ignore_errors=True)


def _open_to_group(path: str) -> None:
    status = os.lstat(path)
    # Other users lose write permission: uv creates a world-writable lock file.
    mode = (status.st_mode | (status.st_mode & stat.S_IRWXU) >> 3) & ~stat.S_IWOTH
    if not stat.S_ISLNK(status.st_mode) and mode != status.st_mode and status.st_uid == os.geteuid():
        os.chmod(path, stat.S_IMODE(mode))
