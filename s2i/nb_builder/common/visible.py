"""Makes untrusted text (names, lines of source) safe to print or to write into a comment.

A terminal executes control characters. A line break in a name can fake a line of the log, or end a comment. Direction
controls reorder the displayed text. CI servers treat some lines of a log as commands.
"""

import json
import re
import unicodedata

_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
# Cc: control characters; Cs: surrogates, that is bytes that are not UTF-8; Zl and Zp: Unicode's own line breaks.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
# GitHub recognises `::error::` at the start of a line, after any spaces, and its older form `##[error]` anywhere; Azure
# Pipelines recognises ##vso[…] and ##[…].
_HASHES = r"(?<=#)#(?=(?:vso)?\[)"
_COMMAND = re.compile(rf"^(\s*):(?=:\w)|{_HASHES}", re.MULTILINE)


def line(text: object) -> str:
    r"""Return text as one line: unprintable characters are escaped, as in \x1b or \u202e."""
    return "".join(_shown(character) for character in str(text))


def lines(text: str) -> str:
    """Return text of several lines, escaped like `line`; tabs and line breaks stay."""
    return "".join(character if character in "\n\t" else _shown(character) for character in text)


def no_commands(text: str) -> str:
    r"""Return text without commands for CI servers: the first character of each is escaped, as in \x3a:error::."""
    return _COMMAND.sub(lambda sign: f"{sign[1]}\\x3a" if sign[1] is not None else r"\x23", text)


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON that is safe to print: the same value, with JSON's escapes for what `line` escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # All of these are inside strings: elsewhere, JSON has only line breaks.
    shown = (sign if sign in ("\n", _shown(sign)) else f"\\u{ord(sign):04x}" for sign in text)
    return re.sub(_HASHES, r"\\u0023", "".join(shown))


def is_printable(text: str) -> bool:
    """Return whether a name has no control characters and no bytes that are not UTF-8."""
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def is_utf_8(text: str) -> bool:
    """Return whether text that was decoded like os.environ came from valid UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(character: str) -> str:
    # A fast path: most text is ASCII, and this function is called for each character.
    if " " <= character <= "~":
        return character
    if ord(character) in _BIDI or unicodedata.category(character) in _UNPRINTABLE:
        return ascii(character)[1:-1]
    return character
