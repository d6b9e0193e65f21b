"""Text files that any editor on any system may have written."""

import codecs
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(path: Path) -> str:
    """Return the text of `path` in UTF-8 or UTF-16, with or without a byte order mark, with Unix line ends.

    Raises UnicodeDecodeError.
    """
    content = path.read_bytes()
    return content.decode(_encoding_of(content)).replace("\r\n", "\n")


def _encoding_of(content: bytes) -> str:
    """Return the encoding of a text, from its byte order mark, or the zeros of UTF-16 without one."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    # In Windows PowerShell, `pip freeze > requirements.txt` writes UTF-16.
    if content[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if content[:1] == b"\0" else "utf-8"
