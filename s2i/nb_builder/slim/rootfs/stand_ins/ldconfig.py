"""Replaces `ldconfig -p`, with which ctypes.util.find_library() finds libraries, in images without that tool.

Copied to the image as a separate program; standard library only.
"""

import glob
import os
import sys
from collections.abc import Iterable

FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/local/lib")


def libraries(folders: Iterable[str]) -> dict[str, str]:
    """Return {name: path} of the shared libraries in `folders`, which are glob patterns; the first of a name wins."""
    paths: dict[str, str] = {}
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, "lib*.so*"))):
            paths.setdefault(os.path.basename(path), path)
    return paths


def main(args: list[str]) -> int:
    """Print a line for each library, in the format that ctypes parses; return the exit status."""
    if args != ["-p"]:
        print("ldconfig: only -p is supported", file=sys.stderr)
        return 1
    kind = "libc6,x86-64" if os.uname().machine == "x86_64" else "libc6,64bit"
    paths = libraries(FOLDERS)
    print(f"{len(paths)} libs found")
    for name, path in sorted(paths.items()):
        print(f"\t{name} ({kind}) => {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
