"""Copies what processes expect from the system: users, certificates, time zones, locales, name resolution."""

import os
from pathlib import Path

from nb_builder.slim.tree import Tree

USERS = ("root", "nobody", "default")
GROUPS = ("root", "nogroup")
TEMPORARY = "/tmp"  # noqa: S108 - the image's own
ZONES = "/usr/share/zoneinfo"
# Copies of the zones with and without leap seconds, and files that only programs other than Python read.
_OTHER_ZONES = ("posix/", "right/", "posixrules", "localtime", "tzdata.zi", "leap")
# setlocale() fails without the service image's locales, including C.UTF-8, which the image sets.
LOCALES = "/usr/lib/locale"
IF_THERE = (
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/openssl.cnf",
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
)
_WRITTEN = {
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


def lay(tree: Tree, certificates: Path | None) -> None:
    """Copy users, certificates, time zones, locales and an empty /tmp to the tree."""
    for path in IF_THERE:
        if os.path.exists(path):
            tree.carry(path)
    for path, text in _WRITTEN.items():
        tree.write(path, text)
    tree.write("/etc/passwd", _lines("/etc/passwd", USERS))
    tree.write("/etc/group", _lines("/etc/group", GROUPS))
    if certificates and certificates.is_file():
        tree.carry(certificates)
    if os.path.isdir(ZONES):
        tree.carry_all(ZONES, lambda path: not path[len(ZONES) + 1 :].startswith(_OTHER_ZONES))
    if os.path.isdir(LOCALES):
        tree.carry_all(LOCALES)
    # OpenShift runs containers as arbitrary users, who all have group 0; others can't write anywhere.
    tree.folder(TEMPORARY, 0o1770)


def _lines(path: str, names: tuple[str, ...]) -> str:
    with open(path, encoding="utf-8") as file:
        return "".join(line for line in file if line.split(":")[0] in names)
