"""Writes board and rules of the usual prefix into a folder: `make board` calls it for docs/deploy/prometheus."""

import sys
from pathlib import Path

from nb_service.observability import alert_rules, board

PREFIX = "nb"


def files() -> dict[str, str]:
    """Return {name: text} of what is kept in the repository: the board, and a file for each group of rules."""
    groups = {group.name.removeprefix(f"{PREFIX}-"): group for group in alert_rules.groups(PREFIX)}
    rules = {f"{name}.rules.yml": alert_rules.text_of(PREFIX, [group]) for name, group in groups.items()}
    return {"board.json": board.text_of(PREFIX), **rules}


def main(folder: Path) -> None:
    """Write all of them into `folder`."""
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
