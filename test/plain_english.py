"""Find words and patterns for which plain English has better ones: in names, comments, docstrings, messages and pages.

`make lint` runs it, on pages for all patterns, elsewhere for those of which the text is free already. `--count` counts
the places of each pattern, and `--list PATTERN` prints them: rewrite them all, then set `is_clean`.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
# Records of their time, other people's text, generated code, and notebooks that are written as their authors would.
NOT_READ = ("docs/explanation/decisions/", "test/fixtures/", "test/models/", "docs/examples/", "CHANGELOG.md")
PAGES = (".md",)
# The code of a problem, which keeps its name.
CODE = r"[a-z0-9]+(?:-[a-z0-9]+)+"
SCRIPTS = ("Makefile", "Dockerfile", ".sh", ".ini", ".toml", ".yaml", ".yml")


class Pattern(NamedTuple):
    """What to look for, and what to write instead.

    With `is_clean`, all text is free of it, so new text must be, too; with `is_clean_but_tests`, all text but tests is.
    """

    name: str
    regex: str
    instead: str
    is_clean: bool = False
    is_clean_but_tests: bool = False

    def applies_to(self, path: str) -> bool:
        """Return whether text of that file must be free of it."""
        return self.is_clean or path.endswith(PAGES) or (self.is_clean_but_tests and not path.startswith("test/"))


class Allowed(NamedTuple):
    """A place that a pattern may match: a file's path (or the beginning of one), text of the line, and the reason."""

    pattern: str
    path: str
    text: str
    reason: str


class Place(NamedTuple):
    """One match: the file, the line, and the text around it."""

    path: str
    line: int
    text: str


PROSE = (
    Pattern("anew", r"\banew\b", "again", is_clean=True),
    Pattern("shall", r"\bshall\b", "must, should or will", is_clean=True),
    Pattern("so-many", r"\b(so|as) many\b(?! as)", "that many, or the number"),
    Pattern("nobody", r"\bnobody\b", "name the actor: no client, no process", is_clean=True),
    Pattern("whoever", r"\bwho(m)?ever\b", "name the person: the reader, users who", is_clean=True),
    Pattern("mend", r"\bmend(s|ed|ing)?\b", "fix", is_clean=True),
    Pattern("begin", r"\b(begun|began)\b", "started", is_clean=True),
    Pattern("of-late", r"\bof late\b", "recently", is_clean=True),
    Pattern("beside", r"\bbeside\b", "next to, alongside, in addition to", is_clean=True),
    Pattern("bring", r"\b(brings?|brought)\b", "include, install, contain", is_clean=True),
    Pattern("is-no", r"(?<![Tt]here )\b(is|are|was) no (?!longer|such|more|other|less|way)[a-z]+", "is not a(n)"),
    Pattern(
        "not-here", r"\b(is|are|was|were) (not )?here\b", "is (not) installed, available or present", is_clean=True
    ),
    Pattern(
        "where-there-is", r"\bwhere there (is|are|was|were)\b", "put the condition first: if there is", is_clean=True
    ),
    Pattern("then-status", r"; then [345]\d\d", "a clause: larger bodies get 413", is_clean=True),
    Pattern("heading", r"^#+ (Of|When|What) ", "a heading that people search for", is_clean=True),
    Pattern("told", r"\b(told|tells?|telling)\b", "report, print, describe, pass"),
    Pattern("words", r"\bwords\b", "arguments, options, text"),
    Pattern("refuse", r"\brefus(e|es|ed|al|als|ing)\b", "reject, fail, not accepted"),
    Pattern("proved", r"\b(proves?|proved|proof|proofs|proving)\b", "verify, check"),
    Pattern("what-noun", r"\bwhat (is|are|was|would|a|the|it|this|that|has|have|can|you|they)\b", "the thing's name"),
    Pattern("says", r"\b(says?|said|wants?|knows?|knew)\b(?<!you know)", "prints, reports, requires"),
    Pattern("ends", r"(?<!back )(?<!Back )(?<!front )\b(ends|ended)\b", "exits, fails, crashes, stops, finishes"),
    Pattern("by-means", r"\bby (s2i|Docker|Podman|make|`|--)", "with, using, from"),
    Pattern("and-not", r"\band not\b", "state the positive"),
    Pattern("outside-of", r"\b(outside|inside) of\b", "outside, inside", is_clean=True),
    Pattern("else-than", r"\b(something|anything|nothing) else than\b", "other than", is_clean=True),
    Pattern("roll-out", r"\b[Rr]oll-outs?\b", "rollout; to roll out", is_clean=True),
    Pattern("misspelled", r"\bmisspelled\b", "misspelt", is_clean=True),
    Pattern("at-choice", r"\bat a time of (your|its) choice\b", "whenever you choose", is_clean=True),
    Pattern(
        "archaic",
        r"\b(hence|thus|thereby|therein|thereof|whence|lest|upon|amongst|whilst|albeit)\b",
        "so, on, among, while",
        is_clean=True,
    ),
)
NAMES = (
    Pattern("name-told", r"(^|_)(told|tell|tells|telling)(_|$)", "report, print, notify", is_clean_but_tests=True),
    Pattern("name-bring", r"(^|_)(bring|brings|brought)(_|$)", "install, include", is_clean=True),
    Pattern("name-words", r"(^|_)words?(_|$)", "arguments, text", is_clean_but_tests=True),
    Pattern("name-heard", r"(^|_)(heard|hear|hears)(_|$)", "received, reply", is_clean=True),
    Pattern("name-of", r"^_?of$", "a verb phrase", is_clean=True),
    Pattern("name-most", r"^_?MOST(_|$)", "MAX_…", is_clean=True),
    Pattern(
        "name-longest", r"^_?(LONGEST|LARGEST|LEAST|FEWEST|SMALLEST|SHORTEST)(_|$)", "MAX_… or MIN_…", is_clean=True
    ),
    Pattern(
        "name-hopeful",
        r"(^|_)(hopeful|news|whoever|nobody|anew|beside|mend|mended)(_|$)",
        "a field's word",
        is_clean_but_tests=True,
    ),
    Pattern("name-refuse", r"(^|_)(refus(e|es|ed|al|als|ing))(_|$)", "reject, fail", is_clean_but_tests=True),
)
CONNECTION = "a connection can be refused"
ALLOWED: tuple[Allowed, ...] = (
    Allowed("refuse", "docs/how-to/roll-out-without-lost-requests.md", "refused", CONNECTION),
    Allowed("refuse", "docs/how-to/rollouts-behind-haproxy-and-nginx.md", "refuse", CONNECTION),
    Allowed("name-words", "s2i/nb_native/", "word", "models of texts count words"),
    Allowed("proved", "docs/explanation/architecture.md", "proof", "the process has this name"),
)


class Text(NamedTuple):
    """A piece of prose, and the line where it starts."""

    line: int
    text: str


def tracked() -> list[str]:
    """Return the paths of all files that this reads."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [path for path in listed if path and not path.startswith(NOT_READ) and path != "test/plain_english.py"]


def prose_of_page(text: str) -> Iterator[Text]:
    """Yield the lines of a page, without code."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif not in_code:
            yield Text(number, re.sub(rf"`[^`]*`|\]\([^)]*\)|<!--.*?-->|^#+ {CODE}$|(?<=\[){CODE}(?=\])", "`", line))


def prose_of_script(text: str) -> Iterator[Text]:
    """Yield the comments of a script, and the help text of the Makefile."""
    in_help = False
    for number, line in enumerate(text.splitlines(), 1):
        in_help = line.startswith("define HELP") or (in_help and line != "endef")
        comment = re.search(r"(?:^|\s)#+ (.*)", line)
        if in_help or comment:
            yield Text(number, line if in_help else comment[1])


@cache
def any_of(patterns: tuple[Pattern, ...]) -> re.Pattern:
    """Return one expression that matches where any of `patterns` matches.

    The word boundary, with which most of them start, is taken out: then `re` skips an alternative by its first letter.
    """
    words = [pattern.regex.removeprefix(r"\b") for pattern in patterns if pattern.regex.startswith(r"\b")]
    others = [pattern.regex for pattern in patterns if not pattern.regex.startswith(r"\b")]
    return re.compile("|".join([rf"\b(?:{'|'.join(words)})", *others] if words else others))


@cache
def matching(text: str, patterns: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
    """Return those of `patterns` that match: a name is in many places."""
    if not any_of(patterns).search(text):
        return ()
    return tuple(pattern for pattern in patterns if re.search(pattern.regex, text))


def prose_of_python(text: str, nodes: Iterable[ast.AST], *, with_messages: bool) -> Iterator[Text]:
    """Yield comments and docstrings, and with `with_messages` all other strings that are several words."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if id(node) in docstrings or (with_messages and " " in node.value):
            for offset, line in enumerate(node.value.splitlines()):
                yield Text(node.lineno + offset, re.sub(r"`[^`]*`", "`", line))
    # Only a tokenizer distinguishes comments from strings, and it takes longer than everything else here.
    if not any(matching(line[line.index("#") :], PROSE) for line in text.splitlines() if "#" in line):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], token.string.lstrip("# "))


def names_of_python(nodes: Iterable[ast.AST]) -> Iterator[Text]:
    """Yield each name that the code defines: functions, classes, arguments, variables and attributes."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield Text(node.lineno, node.name)
        elif isinstance(node, ast.arg):
            yield Text(node.lineno, node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Text(node.lineno, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Text(node.lineno, node.attr)


def places() -> tuple[dict[str, list[Place]], set[Allowed]]:
    """Return the matches of each pattern in all files, and the entries of ALLOWED that matched."""
    found: dict[str, list[Place]] = {pattern.name: [] for pattern in (*PROSE, *NAMES)}
    used = set()

    def search(path: str, texts: Iterator[Text], patterns: tuple[Pattern, ...]) -> None:
        for line, text in texts:
            for pattern in matching(text, patterns):
                reasons = [
                    entry
                    for entry in ALLOWED
                    if entry.pattern == pattern.name and path.startswith(entry.path) and entry.text in text
                ]
                used.update(reasons)
                if not reasons:
                    found[pattern.name].append(Place(path, line, text.strip()))

    for path in tracked():
        if path.endswith(PAGES):
            search(path, prose_of_page((ROOT / path).read_text()), PROSE)
        elif path.endswith(".py") and not path.endswith("_pb2.py"):
            text = (ROOT / path).read_text()
            nodes = list(ast.walk(ast.parse(text)))
            search(path, prose_of_python(text, nodes, with_messages=not path.startswith("test/")), PROSE)
            search(path, names_of_python(nodes), NAMES)
        elif path.endswith(SCRIPTS):
            search(path, prose_of_script((ROOT / path).read_text()), PROSE)
    return found, used


def main(arguments: list[str]) -> int:
    """Print the places to rewrite; return 1 if there are any, or if an entry of ALLOWED matches nothing."""
    found, used = places()
    if arguments[:1] == ["--list"]:
        for name in arguments[1:]:
            print(*(f"{path}:{line}: {text}" for path, line, text in found[name]), sep="\n")
        return 0
    if arguments == ["--count"]:
        print(*(f"{name:16} {len(hits)}" for name, hits in found.items()), sep="\n")
        return 0
    failed = False
    for pattern in (*PROSE, *NAMES):
        hits = [place for place in found[pattern.name] if pattern.applies_to(place.path)]
        if hits:
            failed = True
            print(f"{pattern.name}: write instead: {pattern.instead}")
            print(*(f"  {path}:{line}: {text}" for path, line, text in hits[:40]), sep="\n")
    for entry in set(ALLOWED) - used:
        failed = True
        print(f"ALLOWED has an entry that matches nothing: {entry.pattern} in {entry.path}: {entry.text}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
