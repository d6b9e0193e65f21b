"""HOME and PATH as the builder image sets them, for images in which they were changed."""

import os

from nb_scorer.common import paths

# The folders of the system's programs.
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def home_and_path(app_root):
    """Return HOME and PATH for an image with this APP_ROOT."""
    programs = os.path.join(app_root, paths.VENV, "bin")
    return {"HOME": os.path.join(app_root, paths.SRC), "PATH": "{}:{}".format(programs, PROGRAMS)}
