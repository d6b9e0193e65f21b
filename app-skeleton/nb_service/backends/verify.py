"""The back end `verify`: says whether the model is what a trusted signer has signed, and where it comes from."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nb_scorer.common import paths
from nb_scorer.model import verified_file
from nb_scorer.signature import statement

from nb_service import backends, problems
from nb_service.log import visible
from nb_service.signature import provenance, trust

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings

HELP = """\
Usage: verify

Verify the model's signature by S2I_VERIFY_KEY_FILE, or S2I_VERIFY_CA_FILE and S2I_VERIFY_IDENTITY, and show whose it is
and where the model comes from. Nothing of the model is loaded. The exit code is 0 only where all of it holds.

docs/how-to/sign-and-verify.md says more."""


class Verify:
    """Prints a page on stdout, which is for it alone."""

    keeps_stdout = True

    def take(self, words: Sequence[str]) -> bool:
        """Take the words of the command line; return whether to go on. Raise BackendWithoutWords."""
        if [*words] in (["--help"], ["-h"]):
            backends.show_help(HELP)
            return False
        if words:
            raise problems.BackendWithoutWords("verify", words)
        # The log takes both standard streams; the page is no part of it.
        self._stdout = os.dup(1)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Verify all; return 0, or raise the Problem of what does not hold."""
        model, trusted = pool.model, settings.trust
        if trusted is None or model.digests is None:
            raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", "", "it is not set, so nobody is trusted")
        # Opening it reads and compares all of it; what services leave to those who load it.
        verified_file.opened(model.folder / paths.PICKLE, model.digests.get(paths.PICKLE)).close()
        signature = trust.read(model.folder / paths.SIGNATURE, model.folder)
        lines = [
            f"The model in {model.folder} is what was signed.",
            *provenance.row("Signed by", trusted.opened(signature, model.folder).signer),
            *provenance.row("Model", f"{statement.root_of(model.digests)}, {len(model.digests)} files"),
            *origin(model.folder.parent / paths.BUILD, model.digests, trusted),
        ]
        try:
            with os.fdopen(self._stdout, "w", encoding="utf-8", errors="backslashreplace") as stdout:
                stdout.write("".join(f"{visible(line)}\n" for line in lines))
        except OSError as error:
            raise problems.HelpUnwritten(error) from error
        return 0


def origin(build: Path, digests: Mapping[str, str], trusted: trust.Trust) -> list[str]:
    """Return the lines on where the model with these digests comes from, by the statement in the folder `build`.

    Raise SignatureInvalid, or ModelNotAsSigned for a statement on another model or one that differs from its file.
    """
    path = build / paths.PROVENANCE_SIGNATURE
    if not path.is_file():
        return provenance.row("Origin", f"not signed: there is no {paths.BUILD}/{paths.PROVENANCE_SIGNATURE}")
    payload = trusted.opened(trust.read(path, build), build).payload
    try:
        origin = provenance.read(payload)
        if provenance.model_of(origin) != statement.root_of(digests):
            raise problems.not_as_signed(path, "it says where another model comes from")
        page = provenance.page(origin)
    except statement.Malformed as error:
        raise problems.SignatureInvalid(build, str(error)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise problems.SignatureInvalid(build, f"{path.name} holds a statement of another form") from error
    try:
        is_same = (build / paths.PROVENANCE).read_bytes() == payload
    except OSError as error:
        raise problems.unreadable(build / paths.PROVENANCE, error) from error
    if not is_same:
        raise problems.not_as_signed(build / paths.PROVENANCE, f"it differs from what {path.name} holds")
    return page
