"""make release: everything of a version that people download, made twice from its tag and compared.

Usage: python test/release VERSION FOLDER [KEY]
       python test/release models VERSION
The first looks whether the commit is that of the tag, the version the same everywhere, the changelog written and
models kept; then it makes the image nb-builder:VERSION, and writes the wheel, the bill of what the wheel installs, the
list of the image's files, and digests into FOLDER, with a signature by KEY. The second keeps the models of a version,
to be committed before its tag.
"""

import subprocess
import sys
from pathlib import Path

from release import artifacts, checks, kept_models

ROOT = Path(__file__).parents[2]


def main(words: list[str]) -> int:
    """Do what the words say; return the exit status: 1 where the release is not ready, 2 for wrong words."""
    if words[:1] == ["models"] and len(words) == 2:
        for folder in kept_models.keep(words[1], ROOT / "test" / "models"):
            print(f"Kept {folder.relative_to(ROOT)}")
        return 0
    if len(words) not in (2, 3) or words[0] == "models":
        print(__doc__, file=sys.stderr)
        return 2
    version, folder = words[0], Path(words[1])
    faults = checks.faults(ROOT, version)
    for fault in faults:
        print(f"ERROR: {fault}", file=sys.stderr)
    if faults:
        return 1
    try:
        key = Path(words[2]) if len(words) == 3 else None
        for path in artifacts.write(ROOT, version, folder, key, f"nb-builder:{version}"):
            print(path)
    except artifacts.NotReproducible as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"ERROR: {' '.join(map(str, error.cmd))} failed\n{error.stderr or ''}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
