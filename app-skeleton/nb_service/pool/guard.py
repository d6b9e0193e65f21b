"""Runs callbacks of the pool: an exception in one is a bug, which is printed and stops nothing else."""

import traceback
from collections.abc import Callable


def guarded(call: Callable[..., object], *args: object) -> None:
    """Call `call(*args)`; print the traceback of an exception."""
    try:
        call(*args)
    except Exception:  # noqa: BLE001 - one scorer's or one asker's trouble must not end the service
        traceback.print_exc()
