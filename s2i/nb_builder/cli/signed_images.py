"""Signs and verifies the model in a service image, from extracted files and with this machine's programs."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.signature import bundle, origin

from nb_builder.cli import environments
from nb_builder.cli.calls import Call
from nb_builder.cli.engine import Engine
from nb_builder.cli.problems import ImageWithoutModel
from nb_builder.images.engine import Image

WHY = "The command signs the model in a service image."
# The user of service images, and a group that all their users belong to.
_OWNER = "1001:0"
# The part of this user's environment that is passed to the verifying program.
_OF_THIS_MACHINE = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


def sign(call: Call, docker: Engine, name: str, target: str) -> int:
    """Sign the model in the image `name`, and write the signed image `target`; return the exit status.

    Raises ImageMissing, ImageWithoutModel, and the problems of nb_builder.images.
    """
    image = docker.require(name, WHY)
    image.require_plain()
    with tempfile.TemporaryDirectory(prefix="nb-sign-") as scratch:
        app_root, context = Path(scratch) / "app-root", Path(scratch) / "context"
        _take(image, app_root, {paths.PROVENANCE: origin.MAX_SIZE})
        given = call.given
        more = {"S2I_SIGN_KEY_FILE": given.key, "S2I_SIGN_CERTIFICATE_FILE": given.certificate}
        status = call.builder("sign", str(app_root), returns=True, shows=True, more=more)
        if status:
            return status
        # The context is sent to the engine, so it contains only signatures.
        names = [f"{paths.MODEL}/{paths.SIGNATURE}", f"{paths.BUILD}/{paths.PROVENANCE_SIGNATURE}"]
        signatures = [each for each in names if (app_root / each).is_file()]
        copies = [f"COPY --chown={_OWNER} {each} {image.app_root}/{each}" for each in signatures]
        for each in signatures:
            _lay(context / each, (app_root / each).read_bytes())
        docker.derive(image, copies, context, target)
    print(f"---> Signed {target}", file=sys.stderr if call.given.json else sys.stdout, flush=True)
    return 0


def verify(call: Call, image: Image, key: str) -> int:
    """Verify the model in an image with the public key in the file `key`; return the exit status.

    Raises ImageWithoutModel, and the problems of nb_builder.images.
    """
    with tempfile.TemporaryDirectory(prefix="nb-verify-") as scratch:
        app_root = Path(scratch) / "app-root"
        _take(image, app_root, {paths.PROVENANCE: origin.MAX_SIZE, paths.PROVENANCE_SIGNATURE: bundle.MAX_SIZE})
        environments.ensure(call.installation, call.environ)
        python = call.installation.home / "build" / "bin" / "python"
        # This user's settings don't apply to the image, and the image's settings don't apply to this machine.
        environ = {name: value for name, value in call.environ.items() if name in _OF_THIS_MACHINE}
        command = [str(python), "-I", "-u", "-m", "nb_builder", "verify", str(app_root), str(Path(key).absolute())]
        ran = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Readers can't use the temporary path.
    said = ran.stdout.decode("utf-8", "replace").replace(str(app_root), image.app_root)
    print(said, end="", file=sys.stderr if call.given.json else sys.stdout, flush=True)
    return ran.returncode


def _take(image: Image, app_root: Path, build_files: dict[str, int]) -> None:
    """Extract an image's model below `app_root`, and files of its build, each with a size limit."""
    app_root.mkdir()
    with image.files() as files:
        if not files.write_folder(f"{image.app_root}/{paths.MODEL}", app_root / paths.MODEL):
            raise ImageWithoutModel(image=image.name, folder=f"{image.app_root}/{paths.MODEL}")
        for name, largest in build_files.items():
            content = files.content(f"{image.app_root}/{paths.BUILD}/{name}", largest)
            if content is not None:
                _lay(app_root / paths.BUILD / name, content)


def _lay(path: Path, content: bytes) -> None:
    """Write a file that other users can read, regardless of the umask."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    path.write_bytes(content)
    os.chmod(path, 0o664)
