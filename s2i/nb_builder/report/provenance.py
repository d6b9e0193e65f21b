"""Determines the origin of a build: its commit and its source."""

from pathlib import Path

from nb_builder.repository import git_metadata
from nb_builder.requirements.pip_config import without_credentials


def uncommitted(repository: Path, commit: str | None) -> list[str]:
    """Return the files that differ from the checkout's commit; none if a setting specifies the commit."""
    return [] if commit or not git_metadata.commit(repository) else git_metadata.uncommitted(repository)


def read(repository: Path, commit: str | None, source: str | None) -> dict[str, str]:
    """Return {"commit": …, "source": …} if known, without credentials.

    Settings take precedence over the checkout. By default s2i doesn't upload .git, and it records the commit only in
    labels, which can't be read inside the image.
    """
    values = {
        "commit": commit or git_metadata.commit(repository),
        "source": source or git_metadata.origin(repository),
    }
    return {name: without_credentials(value, instead="") for name, value in values.items() if value}
