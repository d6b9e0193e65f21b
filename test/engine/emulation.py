"""Programs for arm64 on a machine of another architecture: the kernel starts the emulator qemu for them."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import provide

RULES = Path("/proc/sys/fs/binfmt_misc")
NAME = "qemu-aarch64"
# Debian's rule opens the emulator when it is registered, so that containers need none.
RULE = Path("/usr/lib/binfmt.d") / f"{NAME}.conf"


@contextmanager
def arm64() -> Iterator[None]:
    """Let this machine run programs for arm64 until the block exits; raise Missing where it can't."""
    if platform.machine() == "aarch64" or (RULES / NAME).exists():
        yield
        return
    if not provide.is_root_on_debian():
        raise provide.Missing("programs for arm64", "apt-get install qemu-user-static, and restart systemd-binfmt")
    provide.program("qemu-aarch64-static", "qemu-user-static")
    mounts = not (RULES / "register").exists()
    if mounts:
        provide.call("mount", "-t", "binfmt_misc", "binfmt_misc", str(RULES))
    try:
        provide.say(f"registering {NAME} with the kernel, until these tests end")
        (RULES / "register").write_text(RULE.read_text(encoding="ascii"), encoding="ascii")
        yield
    finally:
        if (RULES / NAME).exists():
            (RULES / NAME).write_text("-1", encoding="ascii")
        if mounts:
            provide.call("umount", str(RULES))
