"""The sections of docs/reference/problems.md, which `nb-builder explain` prints offline."""

import difflib
import re
import shutil
import textwrap
from typing import NamedTuple

from nb_builder.cli.installation import source_file
from nb_builder.cli.problems import CodeUnknown

PAGE = "docs/reference/problems.md"
_SECTION = re.compile(r"^### (?P<code>[a-z0-9-]+)\n\n(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"^- (What|Why|Fix): (.*)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


class Explanation(NamedTuple):
    """One problem: its code, its meaning, its three texts with facts in capitals, and the rest of its section."""

    code: str
    meaning: str
    what: str
    why: str
    fix: str
    more: str

    def as_text(self) -> str:
        """Return the explanation for a terminal."""
        width = min(shutil.get_terminal_size().columns, 100)
        parts = [self.code, "", textwrap.fill(self.meaning, width), ""]
        for name in ("what", "why", "fix"):
            lead = f"  {name.title()}: "
            text = getattr(self, name)
            parts.append(textwrap.fill(text, width, initial_indent=lead, subsequent_indent=" " * len(lead)))
        return "\n".join([*parts, *(["", self.more] if self.more else [])])


def read() -> dict[str, Explanation]:
    """Return all explanations by code."""
    page = source_file(PAGE).read_text(encoding="utf-8")
    return {found["code"]: _explanation(found["code"], found["text"]) for found in _SECTION.finditer(page)}


def find(code: str) -> Explanation:
    """Return the explanation of a code; raise CodeUnknown."""
    known = read()
    if code not in known:
        similar = difflib.get_close_matches(code, known, n=3, cutoff=0.5)
        raise CodeUnknown(code=code, similar=f" Similar codes: {', '.join(similar)}." if similar else "")
    return known[code]


def _explanation(code: str, text: str) -> Explanation:
    plain = _LINK.sub(r"\1", text)
    sentences = {name.lower(): sentence for name, sentence in _SENTENCE.findall(plain)}
    meaning, *paragraphs = re.split(r"\n\n+", _SENTENCE.sub("", plain).strip())
    return Explanation(code, meaning, **sentences, more="\n\n".join(paragraphs))
