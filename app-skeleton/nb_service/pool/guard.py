"""Callbacks of the pool: what one of them raises is a bug of ours, which is shown and ends nothing else."""

import traceback
from collections.abc import Callable


def guarded(call: Callable[..., object], *args: object) -> None:
    """Call it; print the traceback of what it raises."""
    try:
        call(*args)
    except Exception:  # noqa: BLE001 - one scorer's or one asker's trouble must not end the service
        traceback.print_exc()
