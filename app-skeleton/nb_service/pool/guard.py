"""Runs callbacks of the pool. An exception in one is a bug: it is printed, and everything else continues."""

import traceback
from collections.abc import Callable


def guarded(call: Callable[..., object], *args: object) -> None:
    """Call `call(*args)`; if it raises, print the traceback."""
    try:
        call(*args)
    except Exception:  # noqa: BLE001 - one scorer's or one asker's trouble must not end the service
        traceback.print_exc()
