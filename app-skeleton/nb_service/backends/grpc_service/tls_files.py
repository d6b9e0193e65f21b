"""The TLS files, which the front reads to report an invalid file at the start, and the gRPC process uses."""

import ssl
from typing import NamedTuple

from nb_service import problems
from nb_service.settings import Settings


class TlsFiles(NamedTuple):
    """The contents of the TLS files as PEM; `authorities` is None if clients need no certificate."""

    key: bytes
    certificate: bytes
    authorities: bytes | None

    @classmethod
    def read(cls, settings: Settings) -> "TlsFiles | None":
        """Return the files that the settings name, or None if gRPC is not encrypted; raise GrpcFile."""
        if not settings.grpc_cert_file:
            return None
        key = _content("S2I_GRPC_KEY_FILE", settings.grpc_key_file)
        certificate = _content("S2I_GRPC_CERT_FILE", settings.grpc_cert_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # gRPC itself would log nothing, and reject every client. The empty password prevents a prompt.
            context.load_cert_chain(settings.grpc_cert_file, settings.grpc_key_file, password="")
        except (OSError, ValueError) as error:
            raise problems.GrpcFile("S2I_GRPC_CERT_FILE", "it does not match its key, or is not PEM") from error
        if not settings.grpc_ca_file:
            return cls(key, certificate, None)
        authorities = _content("S2I_GRPC_CA_FILE", settings.grpc_ca_file)
        try:
            context.load_verify_locations(settings.grpc_ca_file)
        except (OSError, ValueError) as error:
            raise problems.GrpcFile("S2I_GRPC_CA_FILE", "it contains no certificate") from error
        return cls(key, certificate, authorities)


def _content(name: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise problems.GrpcFile(name, error.strerror or str(error)) from error
