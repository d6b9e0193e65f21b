"""Where requirement lines say that packages come from: whether that is allowed, and how installers hear of it.

A package runs code in the build and in the service, and the repository's author need not be who builds. So an
index that a repository names counts only if S2I_ALLOW_INDEXES has its host, or the builder uses it anyway.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nb_builder.problems.requirements import IndexNotAllowed
from nb_builder.requirements import pip_config

DEFAULT_INDEX = "https://pypi.org/simple"


@dataclass(frozen=True)
class IndexOptions:
    """Options of requirement lines, by what they mean; `where` is the line, and is lost when two are added."""

    where: str = ""
    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    lines: tuple["IndexOptions", ...] = ()

    def __add__(self, other: "IndexOptions") -> "IndexOptions":
        """Return both together; of two indexes the later one counts, as for pip."""
        return IndexOptions(
            "",
            other.index or self.index,
            _once(self.extra + other.extra),
            _once(self.links + other.links),
            _once(self.trusted + other.trusted),
            _once(self.only_binary + other.only_binary),
            _once(self.no_binary + other.no_binary),
            self.no_index or other.no_index,
            self.pre or other.pre,
            self._lines() + other._lines(),
        )

    def check(self, allowed: Sequence[str], top: Path, environ: Mapping[str, str]) -> None:
        """Raise IndexNotAllowed for the first index that neither `allowed` hosts nor the builder's settings have.

        Folders of the repository, whose top is `top`, are always allowed.
        """
        used = _in_use(pip_config.read(environ))
        for line in self._lines():
            for url in (line.index, *line.extra, *line.links):
                if url and url.rstrip("/") not in used and not _is_inside(url, top):
                    _require(url, _host(url), allowed, line.where)
            for host in line.trusted:
                _require(host, host.lower(), allowed, line.where)

    def applied(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` with what the lines say added to pip's settings in it, or in their place."""
        given = pip_config.read(environ)
        chosen = {
            "PIP_INDEX_URL": self.index,
            "PIP_EXTRA_INDEX_URL": _joined(given.get("extra-index-url", ""), self.extra),
            "PIP_FIND_LINKS": _joined(given.get("find-links", ""), self.links),
            "PIP_TRUSTED_HOST": _joined(given.get("trusted-host", ""), self.trusted),
            "PIP_ONLY_BINARY": _joined(given.get("only-binary", ""), self.only_binary, by=","),
            "PIP_NO_BINARY": _joined(given.get("no-binary", ""), self.no_binary, by=","),
            "PIP_NO_INDEX": "1" if self.no_index else "",
            "PIP_PRE": "1" if self.pre else "",
        }
        return {**environ, **{name: value for name, value in chosen.items() if value}}

    def _lines(self) -> tuple["IndexOptions", ...]:
        return self.lines or ((self,) if self.where else ())


def _once(items: tuple) -> tuple:
    return tuple(dict.fromkeys(items))


def _joined(given: str, more: tuple[str, ...], by: str = " ") -> str:
    """Return what was given and `more`; "" where there is nothing to add."""
    return by.join([*given.replace(by, " ").split(), *more]) if more else ""


def _in_use(settings: Mapping[str, str]) -> set[str]:
    """Return the addresses that the builder takes packages from without being asked by a repository."""
    words = [settings.get("index-url", DEFAULT_INDEX)]
    for name in ("extra-index-url", "find-links"):
        words += settings.get(name, "").split()
    return {word.rstrip("/") for word in words}


def _is_inside(url: str, top: Path) -> bool:
    if not url.startswith("file:"):
        return False
    path = Path(os.path.normpath(unquote(urlsplit(url).path)))
    return path == top or top in path.parents


def _host(url: str) -> str:
    """Return the host of an address, with its port if it has one; the address itself where it has no host."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].lower() or url


def _require(address: str, host: str, allowed: Sequence[str], where: str) -> None:
    if not {host, host.partition(":")[0]} & {*allowed}:
        shown = pip_config.without_credentials(address)
        raise IndexNotAllowed(where=where, index=shown, host=host)
