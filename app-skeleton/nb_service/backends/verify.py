"""The back end `verify`: verifies the model's signature against the trusted signers, and reports its origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nb_scorer.common import paths
from nb_scorer.model import verified_file
from nb_scorer.signature import origin, statement

from nb_service import problems
from nb_service.backends.stdout_page import StdoutPage
from nb_service.log import visible
from nb_service.signature import provenance, trust

if TYPE_CHECKING:
    from nb_service.model_folder import ModelFolder
    from nb_service.settings import Settings

HELP = """\
Usage: verify

Verify the model's signature with S2I_VERIFY_KEY_FILE, or S2I_VERIFY_CA_FILE and S2I_VERIFY_IDENTITY, and show its
signer and the model's origin. Nothing of the model is loaded. The exit status is 0 only if everything is valid.

See docs/how-to/sign-and-verify.md."""


class Verify(StdoutPage):
    """Verifies the model, then writes the page."""

    name = "verify"
    help = HELP

    def page(self, model: "ModelFolder", settings: "Settings") -> str:
        """Return the model's signer and origin, or raise the Problem that verification found."""
        trusted = settings.trust
        if trusted is None or model.digests is None:
            raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", "", "it is not set, so no signer is trusted")
        return text(model.folder, model.digests, trusted)


def text(folder: Path, digests: Mapping[str, str], trusted: trust.Trust) -> str:
    """Return the signer and origin of the model in `folder`; `digests` are those of its signature.

    Raise the Problem that verification found. Only the model and its build are checked.
    """
    # Opening it reads and verifies the whole file. In services, the process that loads the model does that.
    verified_file.opened(folder / paths.PICKLE, digests.get(paths.PICKLE)).close()
    signature = trust.read(folder / paths.SIGNATURE, folder)
    lines = [
        f"The model in {folder} is the one that was signed.",
        *provenance.row("Signed by", trusted.opened(signature, folder).signer),
        *provenance.row("Model", f"{statement.root_of(digests)}, {len(digests)} files"),
        *came_from(folder.parent / paths.BUILD, digests, trusted),
    ]
    return "".join(f"{visible(line)}\n" for line in lines)


def came_from(build: Path, digests: Mapping[str, str], trusted: trust.Trust) -> list[str]:
    """Return lines about the origin of the model with these digests, from the statement in the folder `build`.

    Raise SignatureInvalid, or ModelNotAsSigned for a statement about another model, or one that differs from its file.
    """
    path = build / paths.PROVENANCE_SIGNATURE
    if not path.is_file():
        return provenance.row("Origin", f"not signed: there is no {paths.BUILD}/{paths.PROVENANCE_SIGNATURE}")
    payload = trusted.opened(trust.read(path, build), build, statement.OF_PROVENANCE).payload
    try:
        reported = origin.read(payload)
        if origin.model_of(reported) != statement.root_of(digests):
            raise problems.not_as_signed(path, "it describes the provenance of another model")
        page = provenance.page(reported)
    except statement.Malformed as error:
        raise problems.SignatureInvalid(build, str(error)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise problems.SignatureInvalid(build, f"{path.name} contains a statement in an unknown format") from error
    try:
        is_same = (build / paths.PROVENANCE).read_bytes() == payload
    except OSError as error:
        raise problems.unreadable(build / paths.PROVENANCE, error) from error
    if not is_same:
        raise problems.not_as_signed(build / paths.PROVENANCE, f"it differs from the content of {path.name}")
    return page
