"""The Prefer header of a request (RFC 7240): whether its client wants to fetch the prediction later."""

from typing import NamedTuple

# A longer header is ignored: a server may ignore any preference.
MAX_LENGTH = 256
MAX_WAIT_SECONDS = 60


class Preferences(NamedTuple):
    """Whether the client wants a job, and the seconds that it waits for the prediction before."""

    respond_async: bool = False
    wait: float | None = None

    @property
    def wants_job(self) -> bool:
        """Return whether the request becomes a job."""
        return self.respond_async or self.wait is not None

    @property
    def applied(self) -> str:
        """Return the value of Preference-Applied."""
        names = ["respond-async"] if self.respond_async else []
        if self.wait is not None:
            names.append(f"wait={self.wait:g}")
        return ", ".join(names)


NONE = Preferences()


def read(header: str | None, longest: float = MAX_WAIT_SECONDS) -> Preferences:
    """Return the preferences in a header; unknown and malformed ones are ignored, and of duplicates the first counts.

    `wait` alone means `longest`, which also is the limit.
    """
    if not header or len(header) > MAX_LENGTH:
        return NONE
    found: dict[str, str] = {}
    for part in header.lower().split(","):
        name, _, value = part.partition(";")[0].partition("=")
        found.setdefault(name.strip(), value.strip().strip('"'))
    return Preferences("respond-async" in found, _wait(found.get("wait"), longest))


def _wait(value: str | None, longest: float) -> float | None:
    if value is None:
        return None
    if not value:
        return longest
    # Not isdigit(), which accepts other scripts' digits.
    is_number = value.isascii() and value.isdecimal() and len(value) < 10
    return min(float(value), longest) if is_number else None
