"""make bench: what we measure against what users have today, side by side in one run.

Usage: python test/bench [build] [incremental] [images] [start] [serve]    (all of them without words)
"""

import sys

import build
import images
import incremental
import serve
import starts

SUITES = {
    "build": build.report,
    "incremental": incremental.report,
    "images": images.report,
    "start": starts.report,
    "serve": serve.report,
}


def main(words: list[str]) -> int:
    """Run the suites named, or all; return 2 for a name that is none."""
    unknown = [word for word in words if word not in SUITES]
    if unknown:
        print(f"there is no bench {unknown[0]!r}; there are: {', '.join(SUITES)}")
        return 2
    for name in words or SUITES:
        SUITES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
