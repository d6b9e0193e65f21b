"""Writes dashboard and rules for the default prefix into a folder: `make board` uses it for docs/deploy/prometheus."""

import sys
from pathlib import Path

from nb_service.observability import files

PREFIX = "nb"


def main(folder: Path) -> None:
    """Write all of them into `folder`."""
    for name in files.NAMES:
        (folder / name).write_text(files.text_of(name, PREFIX), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
