"""Stands for `lscpu --parse=core` in an image that has no such tool: joblib counts the cores by it.

Without it joblib prints a traceback. Copied into the image as a program of its own; standard library only.
"""

import glob
import os
import sys

CPUS = "/sys/devices/system/cpu/cpu[0-9]*/topology"


def cores(pattern: str) -> list[int]:
    """Return the number of its core for each CPU, as the kernel tells (Documentation/admin-guide/cputopology)."""
    found: list[object] = []
    for folder in sorted(glob.glob(pattern)):
        with (
            open(os.path.join(folder, "physical_package_id")) as package,
            open(os.path.join(folder, "core_id")) as core,
        ):
            found.append((package.read().strip(), core.read().strip()))
    # Where the kernel says nothing, each CPU is a core.
    found = found or list(range(os.cpu_count() or 1))
    numbers = {core: number for number, core in enumerate(dict.fromkeys(found))}
    return [numbers[core] for core in found]


def main(args: list[str]) -> int:
    """Print one line for each CPU; return the exit status."""
    if args != ["--parse=core"]:
        print("lscpu: only --parse=core is known here", file=sys.stderr)
        return 1
    print("# Core")
    for core in cores(CPUS):
        print(core)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
