"""Exact versions in requirements."""

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def exact_version(requirement: Requirement) -> str:
    """Return the version that a requirement pins; "" if it allows several."""
    for pin in requirement.specifier:
        if pin.operator == "===" or (pin.operator == "==" and not pin.version.endswith("*")):
            return pin.version
    return ""


def conflict(one: Requirement, other: Requirement) -> bool:
    """Return whether both name the same package, and one pins a version that the other doesn't allow.

    If their markers differ, they may never apply together. The installer detects that, as it does unreadable versions.
    """
    if canonicalize_name(one.name) != canonicalize_name(other.name) or str(one.marker) != str(other.marker):
        return False
    for exact, broad in ((one, other), (other, one)):
        if version := exact_version(exact):
            try:
                return not broad.specifier.contains(version, prereleases=True)
            except ValueError:
                # Python can't read numbers of thousands of digits.
                return False
    return False
