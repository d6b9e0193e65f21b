"""make bench: what we measure against what users have today, side by side in one run.

Usage: python test/bench [build] [pythons] [incremental] [images] [start] [serve] [health] [batching] [batched-serve]
    [binary] [streaming] [grpc] [native] [batch] [batch-memory] [bus] [drift] [dev] [first] [verify] [capacity]
    [gallery] [notebooks] [strangers]
(without words all but notebooks and strangers, which fetch from GitHub and take hours)
"""

import sys

import batch_files
import batch_memory
import batched_serve
import batching
import binary
import build
import bus
import capacity
import dev
import downloads
import drift
import first
import gallery
import grpc_calls
import health
import images
import incremental
import native
import public
import serve
import starts
import strangers
import streaming
import verify

SUITES = {
    "build": build.report,
    "pythons": downloads.report,
    "incremental": incremental.report,
    "images": images.report,
    "start": starts.report,
    "serve": serve.report,
    "health": health.report,
    "batching": batching.report,
    "binary": binary.report,
    "streaming": streaming.report,
    "batched-serve": batched_serve.report,
    "grpc": grpc_calls.report,
    "native": native.report,
    "batch": batch_files.report,
    "batch-memory": batch_memory.report,
    "bus": bus.report,
    "drift": drift.report,
    "dev": dev.report,
    "first": first.report,
    "verify": verify.report,
    "capacity": capacity.report,
    "gallery": gallery.report,
    "notebooks": public.report,
    "strangers": strangers.report,
}
# Of others' repositories, and for long: only by its name.
BY_NAME = {"notebooks", "strangers"}


def main(words: list[str]) -> int:
    """Run the suites named, or all; return 2 for a name that is none."""
    unknown = [word for word in words if word not in SUITES]
    if unknown:
        print(f"there is no bench {unknown[0]!r}; there are: {', '.join(SUITES)}")
        return 2
    for name in words or (name for name in SUITES if name not in BY_NAME):
        SUITES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
