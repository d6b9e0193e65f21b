"""Replaces `lscpu --parse=core`, with which joblib counts the cores, in images without that tool.

Without it joblib prints a traceback. Copied to the image as a separate program; standard library only.
"""

import glob
import os
import sys

CPUS = "/sys/devices/system/cpu/cpu[0-9]*/topology"


def cores(pattern: str) -> list[int]:
    """Return the core number of each CPU, as reported by the kernel (Documentation/admin-guide/cputopology)."""
    identifiers: list[object] = []
    for folder in sorted(glob.glob(pattern)):
        with (
            open(os.path.join(folder, "physical_package_id")) as package,
            open(os.path.join(folder, "core_id")) as core,
        ):
            identifiers.append((package.read().strip(), core.read().strip()))
    # If the kernel reports no topology, each CPU counts as a core.
    identifiers = identifiers or list(range(os.cpu_count() or 1))
    numbers = {core: number for number, core in enumerate(dict.fromkeys(identifiers))}
    return [numbers[core] for core in identifiers]


def main(args: list[str]) -> int:
    """Print one line for each CPU; return the exit status."""
    if args != ["--parse=core"]:
        print("lscpu: only --parse=core is supported", file=sys.stderr)
        return 1
    print("# Core")
    for core in cores(CPUS):
        print(core)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
