"""Where a build comes from: the commit and the source."""

from pathlib import Path

from nb_builder.repository import git_metadata
from nb_builder.requirements.pip_config import without_credentials


def of(repository: Path, commit: str | None, source: str | None) -> dict[str, str]:
    """Return {"commit": …, "source": …} as far as they are known, without credentials.

    What the settings say counts, then the checkout. s2i uploads no .git unless it is told to, and tells the
    commit only in labels that nobody inside the image can see.
    """
    found = {
        "commit": commit or git_metadata.commit(repository),
        "source": source or git_metadata.origin(repository),
    }
    return {name: without_credentials(value, instead="") for name, value in found.items() if value}
