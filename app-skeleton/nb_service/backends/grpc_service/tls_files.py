"""The files of TLS: read by the front, so that one that can't be used shows at once, and by gRPC's process."""

import ssl
from typing import NamedTuple

from nb_service import problems
from nb_service.settings import Settings


class TlsFiles(NamedTuple):
    """What the files hold, as PEM; `authorities` is None where clients need no certificate."""

    key: bytes
    certificate: bytes
    authorities: bytes | None

    @classmethod
    def of(cls, settings: Settings) -> "TlsFiles | None":
        """Return the files that the settings name, None where gRPC is not encrypted; raise GrpcFile."""
        if not settings.grpc_cert_file:
            return None
        key = _content("S2I_GRPC_KEY_FILE", settings.grpc_key_file)
        certificate = _content("S2I_GRPC_CERT_FILE", settings.grpc_cert_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # gRPC itself would say nothing, and refuse every client. Without a password nobody is asked for one.
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
