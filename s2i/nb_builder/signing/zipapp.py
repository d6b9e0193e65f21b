"""Signs a model that is one file: the signature is another entry, and covers all others."""

import os
import tempfile
import zipfile
from pathlib import Path

from nb_scorer.signature import statement
from nb_scorer.zipapp import layout
from nb_scorer.zipapp.carried import Carried
from nb_service.export import zip_entries

from nb_builder.signing.signer import Signer


def sign(path: Path, signer: Signer) -> str:
    """Write the signature of the file at `path` into it; return the digest of the whole file.

    The new file is renamed into place once complete. Raises ZipappDamaged for other files.
    """
    with Carried(str(path)) as carried:
        digests = {name: carried.digest_of(name) for name in carried.names - {layout.SIGNATURE}}
    text = signer.signed(
        statement.build_statement(digests, layout.SUBJECT, layout.SIGNATURE), statement.PAYLOAD_TYPE
    ).encode("ascii")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        try:
            _write(path, text, Path(part.name))
            os.chmod(part.name, path.stat().st_mode & 0o777)
            os.replace(part.name, path)
        except BaseException:
            os.unlink(part.name)
            raise
    return statement.root_of(digests)


def _write(path: Path, signature: bytes, target: Path) -> None:
    """Copy the file with a new signature, replacing the previous one."""
    with zipfile.ZipFile(path) as source, target.open("wb") as stream:
        sink, _ = zip_entries.runnable(stream)
        with sink:
            for entry in source.infolist():
                if entry.filename != layout.SIGNATURE:
                    executable = entry.external_attr >> 16 & 0o100
                    with source.open(entry) as content:
                        zip_entries.copy(sink, entry.filename, content, entry.file_size, executable)
            sink.writestr(zip_entries.stored(layout.SIGNATURE, len(signature)), signature)
