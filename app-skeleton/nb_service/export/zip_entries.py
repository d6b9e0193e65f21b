"""Entries of zip files that are the same bytes for the same content: no times, no owners."""

import zipfile

# The first that a zip file can say.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def entry(name: str, size: int, executable: int = 0) -> zipfile.ZipInfo:
    """Return the entry of a file of that size."""
    made = zipfile.ZipInfo(name, NO_TIME)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.create_system = 3  # Unix, of which the attributes are
    made.external_attr = (0o100755 if executable else 0o100644) << 16
    made.file_size = size
    return made
