"""Stands for `ldconfig -p` in an image that has no such tool: ctypes.util.find_library() looks for libraries by it.

Copied into the image as a program of its own; standard library only.
"""

import glob
import os
import sys
from collections.abc import Iterable

FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/local/lib")


def libraries(folders: Iterable[str]) -> dict[str, str]:
    """Return {name: path} of the shared libraries in `folders`, patterns as of glob; the first of a name counts."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, "lib*.so*"))):
            found.setdefault(os.path.basename(path), path)
    return found


def main(args: list[str]) -> int:
    """Print a line for each library, as ctypes reads them; return the exit status."""
    if args != ["-p"]:
        print("ldconfig: only -p is known here", file=sys.stderr)
        return 1
    kind = "libc6,x86-64" if os.uname().machine == "x86_64" else "libc6,64bit"
    found = libraries(FOLDERS)
    print(f"{len(found)} libs found")
    for name, path in sorted(found.items()):
        print(f"\t{name} ({kind}) => {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
