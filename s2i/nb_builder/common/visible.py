"""Text from elsewhere (names, lines of source) as it may be printed or written into a comment.

A terminal obeys control characters, and a line break in a name fakes a line of the log or ends a comment. Controls of
writing direction show text in another order than it has. CI servers take some lines of a job's log for commands.
"""

import json
import re
import unicodedata

_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
# Cc: control characters; Cs: surrogates, that is bytes that are not UTF-8; Zl and Zp: Unicode's own line breaks.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
# GitHub reads `::error::` where a line begins, behind any space, and its older form `##[error]` anywhere; Azure
# Pipelines has ##vso[…] and ##[…].
_HASHES = r"(?<=#)#(?=(?:vso)?\[)"
_COMMAND = re.compile(rf"^(\s*):(?=:\w)|{_HASHES}", re.MULTILINE)


def line(text: object) -> str:
    r"""Return a text as one line: what can't be printed is written as an escape, such as \x1b or \u202e."""
    return "".join(_shown(character) for character in str(text))


def lines(text: str) -> str:
    """Return a text of several lines, escaped as `line` escapes it; tabs and line breaks stay."""
    return "".join(character if character in "\n\t" else _shown(character) for character in text)


def no_commands(text: str) -> str:
    r"""Return a text in which no CI server finds a command: its first sign is an escape, as in \x3a:error::."""
    return _COMMAND.sub(lambda sign: f"{sign[1]}\\x3a" if sign[1] is not None else r"\x23", text)


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON that may be printed: the same value, with JSON's own escapes where `line` has its."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # All of these are in strings: outside them JSON has only line breaks.
    shown = (sign if sign in ("\n", _shown(sign)) else f"\\u{ord(sign):04x}" for sign in text)
    return re.sub(_HASHES, r"\\u0023", "".join(shown))


def is_printable(text: str) -> bool:
    """Return whether a name has no control characters and no bytes that are not UTF-8."""
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def is_utf_8(text: str) -> bool:
    """Return whether a text that was decoded as os.environ is came from valid UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(character: str) -> str:
    # Most texts are ASCII, and this is asked for each character.
    if " " <= character <= "~":
        return character
    if ord(character) in _BIDI or unicodedata.category(character) in _UNPRINTABLE:
        return ascii(character)[1:-1]
    return character
