"""Edits of at most five lines that a user would make after reading the message: {(repository, path): a last cell}."""

EDITS: dict[tuple[str, str], str] = {}
