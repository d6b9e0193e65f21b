"""The gRPC process: listens on its addresses, and uses the pool over the inherited socket."""

import os
import socket
import sys
from pathlib import Path

from nb_service import model_folder
from nb_service.backends import allocator
from nb_service.backends.grpc_service import server
from nb_service.settings import Settings


def main(args: list[str], environ: dict) -> int:
    """Listen on the addresses in the first of `args`; the second is the pool's socket. Return the exit status."""
    settings = Settings(environ)
    model = model_folder.read(Path(settings.app_root).absolute(), settings.trust)
    allocator.give_back_large_blocks()
    server.run(args[0].split(","), socket.socket(fileno=int(args[1])), model, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
