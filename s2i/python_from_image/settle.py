"""Completes a Python that collect.py has copied to a builder image: run there as root.

Usage: python3 settle.py PREFIX MINOR     (PREFIX: /opt/python/3.6)

Removes libraries that the image already has, and configures the loader for the others.
"""

import os
import re
import subprocess
import sys

CONFIGURATION = "/etc/ld.so.conf.d"


def settle(prefix, minor, configuration=CONFIGURATION):
    """Remove the libraries that this system has, and write the location of the others; return their names."""
    listed = subprocess.run(["ldconfig", "-p"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    have = set(re.findall(r"^\s+(\S+) \(", listed, re.MULTILINE))
    libraries = os.path.join(prefix, "lib")
    names = {name for name in os.listdir(libraries) if ".so" in name}
    for name in names & have:
        os.unlink(os.path.join(libraries, name))
    left = sorted(names - have)
    if left:
        with open(os.path.join(configuration, "nb-python-%s.conf" % minor), "w") as file:
            file.write(libraries + "\n")
    relocate(prefix, minor)
    return left


def relocate(prefix, minor):
    """Update the library folder in sysconfig: virtualenv searches for libpython there."""
    library = os.path.join(prefix, "lib", "python" + minor)
    for name in os.listdir(library):
        if name.startswith("_sysconfigdata"):
            path = os.path.join(library, name)
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(re.sub(r"('(?:LIBDIR|prefix|exec_prefix)': )'[^']*'", moved(prefix), text))


def moved(prefix):
    """Return the replacement for a row of sysconfig's table."""

    def row(match):
        return "%s%r" % (match.group(1), os.path.join(prefix, "lib") if "LIBDIR" in match.group(1) else prefix)

    return row


if __name__ == "__main__":
    print(settle(sys.argv[1], sys.argv[2]))
    subprocess.run(["ldconfig"], check=True)
