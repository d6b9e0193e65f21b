"""The signer whose signature a model must have, and the digests that such a signature contains.

The verifying library is imported only to verify a model, because most services start without it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nb_scorer.common import paths
from nb_scorer.model import verified_file
from nb_scorer.signature import files

from nb_service import problems

if TYPE_CHECKING:
    from nb_scorer.signature.bundle import Bundle


class Signed(NamedTuple):
    """The contents of a bundle with a verified signature, and a description of the signer."""

    payload: bytes
    signer: str


class Known(NamedTuple):
    """The digests of a signature that another process has verified, for example the driver of a Spark application."""

    digests: Mapping[str, str]

    def digests_of(self, folder: Path) -> Mapping[str, str]:
        """Return the digests; raise ModelNotAsSigned if `folder` has other files, as `require` does."""
        require(folder, self.digests)
        return self.digests


class Trust(NamedTuple):
    """Trusted signers: a file of public keys, or a file of certificate authorities and the name of the signer."""

    key_file: str
    ca_file: str = ""
    identity: str = ""

    def digests_of(self, folder: Path) -> Mapping[str, str]:
        """Verify the signature of a model folder; return the SHA-256 of each file in it, by name.

        Raise ModelUnsigned, SignatureInvalid, VerifyUnusable, or ModelNotAsSigned as `require` does.
        """
        digests = self.digests_in(read(folder / paths.SIGNATURE, folder), folder)
        require(folder, digests)
        return digests

    def digests_in(self, content: bytes, folder: object) -> Mapping[str, str]:
        """Return the digests in the signature of the model in `folder`; raise SignatureInvalid or VerifyUnusable."""
        from nb_scorer.signature import statement

        try:
            return statement.read(self.opened(content, folder).payload)
        except statement.Malformed as error:
            raise problems.SignatureInvalid(folder, str(error)) from error

    def opened(self, content: bytes, folder: object, kinds: Sequence[str] = ()) -> Signed:
        """Return the contents of a bundle about `folder` whose type is one of `kinds`, by default those of models.

        Raise SignatureInvalid or VerifyUnusable.
        """
        from nb_scorer.signature import bundle, statement

        try:
            parsed = bundle.parsed(content, kinds or statement.OF_MODEL)
        except statement.Malformed as error:
            raise problems.SignatureInvalid(folder, str(error)) from error
        return Signed(parsed.payload, self._signer(parsed, folder))

    def _signer(self, bundle: "Bundle", folder: object) -> str:
        try:
            from nb_service.signature import certificates, keys
        except ImportError as error:
            setting = "S2I_VERIFY_CA_FILE" if self.ca_file else "S2I_VERIFY_KEY_FILE"
            reason = f"this Python lacks the package cryptography ({error})"
            raise problems.VerifyUnusable(setting, self.ca_file or self.key_file, reason) from error
        try:
            if self.ca_file:
                return certificates.Authorities(self.ca_file).signer(bundle, self.identity)
            return keys.PublicKeys(self.key_file).signer(bundle)
        except keys.Untrusted as error:
            raise problems.SignatureInvalid(folder, str(error)) from error


def read(path: Path, folder: Path) -> bytes:
    """Return the bundle about `folder` in the file `path`; raise ModelUnsigned if there is none."""
    from nb_scorer.signature import bundle

    try:
        return bundle.read(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise problems.ModelUnsigned(folder) from error
    except OSError as error:
        raise problems.unreadable(path, error) from error


def require(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise ModelNotAsSigned unless `folder` has exactly these files with these digests; the pickle's is not checked.

    The process that loads the pickle verifies it itself, because the file could change in between.
    """
    try:
        wrong = files.difference(set(digests), files.names(folder))
    except files.Odd as error:
        raise problems.not_as_signed(folder, str(error)) from error
    except OSError as error:
        raise problems.unreadable(error.filename or folder, error) from error
    if wrong:
        raise problems.not_as_signed(folder, wrong)
    for name, digest in digests.items():
        if name != paths.PICKLE:
            verified_file.content(folder / name, digest)
