"""Package indexes in requirement lines: checks whether they are allowed, and passes them to installers.

A package runs code in the build and in the service, and the person who builds need not trust the repository's author.
So an index that a repository names is rejected unless S2I_ALLOW_INDEXES contains its host, or the builder uses it
anyway.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nb_builder.problems.packages import IndexNotAllowed
from nb_builder.requirements import pip_config

DEFAULT_INDEX = "https://pypi.org/simple"


@dataclass(frozen=True)
class IndexOptions:
    """The options of one or several requirement lines; `where` names the line, and is "" for several.

    `direct` are addresses of packages themselves. `written` has (address, text) of those written with variables.
    `lines` keeps the options of each line, so that `check` can name the rejected one.
    """

    where: str = ""
    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    direct: tuple[str, ...] = ()
    written: tuple[tuple[str, str], ...] = ()
    lines: tuple["IndexOptions", ...] = ()

    def __add__(self, other: "IndexOptions") -> "IndexOptions":
        """Return both combined; of two values for --index-url the later one counts, like in pip."""
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
            _once(self.direct + other.direct),
            _once(self.written + other.written),
            self._lines() + other._lines(),
        )

    def check(self, allowed: Sequence[str], top: Path, environ: Mapping[str, str]) -> None:
        """Raise IndexNotAllowed for the first index that is not on an `allowed` host or in the builder's settings.

        Folders of the repository, whose top folder is `top`, are always allowed. Addresses of single packages, which
        provide nothing else, are rejected only if hosts are `allowed` and theirs is not among them.
        """
        used = _in_use(pip_config.read(environ))
        for line in self._lines():
            written = dict(line.written)
            for url in line.direct if allowed else ():
                _require(url, _host(url), allowed, line.where)
            for url in (line.index, *line.extra, *line.links):
                if url and url.rstrip("/") not in used and not _is_inside(url, top):
                    _require(url, _host(url), allowed, line.where, written.get(url, ""))
            for host in line.trusted:
                _require(host, host.lower(), allowed, line.where)

    def applied(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` with the options as `PIP_*`: --index-url replaces pip's setting, lists are added to it."""
        settings = pip_config.read(environ)
        chosen = {
            "PIP_INDEX_URL": self.index,
            "PIP_EXTRA_INDEX_URL": _joined(settings.get("extra-index-url", ""), self.extra),
            "PIP_FIND_LINKS": _joined(settings.get("find-links", ""), self.links),
            "PIP_TRUSTED_HOST": _joined(settings.get("trusted-host", ""), self.trusted),
            "PIP_ONLY_BINARY": _joined(settings.get("only-binary", ""), self.only_binary, separator=","),
            "PIP_NO_BINARY": _joined(settings.get("no-binary", ""), self.no_binary, separator=","),
            "PIP_NO_INDEX": "1" if self.no_index else "",
            "PIP_PRE": "1" if self.pre else "",
        }
        return {**environ, **{name: value for name, value in chosen.items() if value}}

    def _lines(self) -> tuple["IndexOptions", ...]:
        return self.lines or ((self,) if self.where else ())


def _once(items: tuple) -> tuple:
    return tuple(dict.fromkeys(items))


def _joined(value: str, additions: tuple[str, ...], separator: str = " ") -> str:
    """Return the setting's `value` with `additions`, or ""."""
    return separator.join([*value.replace(separator, " ").split(), *additions]) if additions else ""


def _in_use(settings: Mapping[str, str]) -> set[str]:
    """Return the addresses that pip's own settings use, regardless of the repository."""
    urls = [settings.get("index-url", DEFAULT_INDEX)]
    for name in ("extra-index-url", "find-links"):
        urls += settings.get(name, "").split()
    return {url.rstrip("/") for url in urls}


def _is_inside(url: str, top: Path) -> bool:
    if not url.startswith("file:"):
        return False
    path = Path(os.path.normpath(unquote(urlsplit(url).path)))
    return path == top or top in path.parents


def _host(url: str) -> str:
    """Return the host of an address, with its port if it has one; the address itself if it has no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # Brackets that don't contain an IPv6 address.
        return url
    return parts.netloc.rpartition("@")[2].lower() or url


def _require(address: str, host: str, allowed: Sequence[str], where: str, written: str = "") -> None:
    """Raise IndexNotAllowed for a host that is not allowed; the `written` form is shown instead of the address."""
    if not {host, host.partition(":")[0]} & {*allowed}:
        url = pip_config.without_credentials(written or address)
        raise IndexNotAllowed(where=where, index=url, host=_host(written) if written else host)
