"""Collects the running Python, with the libraries that it needs: run it in an image that has that Python.

Usage: python3 collect.py FOLDER     (FOLDER/3.6 is created)

The Python may be as old as 3.6.
"""

import os
import re
import shutil
import subprocess
import sys

# The builder's own glibc must be used: two of them in one process crash.
GLIBC = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|anl|crypt|nsl|nss_.*|gcc_s|stdc\+\+)\.so\..*)$")
NOT_NEEDED = ("__pycache__", "test", "tests", "idlelib", "turtledemo", "lib2to3", "ensurepip", "tkinter", "_tkinter*")
NOT_NEEDED += ("*.a", "config-*", "site-packages")


def collect(folder):
    """Copy interpreter, standard library, headers and libraries to `folder`; return the libraries' names."""
    minor = "%d.%d" % sys.version_info[:2]
    to = os.path.join(folder, minor)
    library = os.path.join(to, "lib", "python" + minor)
    left_out = shutil.ignore_patterns(*NOT_NEEDED)
    shutil.copytree(os.path.dirname(os.__file__), library, symlinks=True, ignore=left_out)
    os.makedirs(os.path.join(library, "site-packages"))
    os.makedirs(os.path.join(to, "bin"))
    program = os.path.join(to, "bin", "python" + minor)
    shutil.copy2(os.path.realpath(sys.executable), program)
    headers = os.path.join(sys.base_prefix, "include")
    for name in os.listdir(headers) if os.path.isdir(headers) else ():
        if name.startswith("python" + minor):
            shutil.copytree(os.path.join(headers, name), os.path.join(to, "include", name))
    modules = [os.path.join(parent, name) for parent, _, names in os.walk(to) for name in names if ".so" in name]
    needed = libraries([program] + modules)
    for name, path in needed.items():
        shutil.copy2(os.path.realpath(path), os.path.join(to, "lib", name))
    return sorted(needed)


def libraries(programs):
    """Return {name: path} of the libraries that `programs` load, without glibc's."""
    ran = subprocess.run(["ldd"] + programs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    found = re.findall(r"^\s*(\S+) => (/\S+) \(", ran.stdout, re.MULTILINE)
    return {name: path for name, path in found if not GLIBC.match(name)}


if __name__ == "__main__":
    print(collect(sys.argv[1]))
