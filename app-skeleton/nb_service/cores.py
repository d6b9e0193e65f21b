"""Determines how many CPUs this process may use: its affinity, limited by the cgroup's quota (v1 or v2)."""

import os
from pathlib import Path


def available(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the number of CPUs to plan for, at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(proc, root) if (quota := _quota(folder)) is not None]
    return max(1, min([count, *(int(quota) for quota in quotas)]))


def _folders(proc: Path, root: Path) -> list[Path]:
    """Return the folders with quotas that apply to this process: its cgroup's and those of its parents, v1 and v2."""
    folders = []
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base = root
        elif "cpu" in controllers.split(","):
            base = root / "cpu"
        else:
            continue
        # In a container, the mount shows our own cgroup as its root, so the path may not exist there.
        inner = base / path.lstrip("/")
        folders += [inner, *[parent for parent in inner.parents if parent.is_relative_to(base)]]
    return folders


def _quota(folder: Path) -> float | None:
    """Return the number of CPUs that `folder` allows, or None without a limit."""
    quota, period = "max", "100000"
    fields = _text(folder / "cpu.max").split()
    if len(fields) == 2:
        quota, period = fields
    elif cfs_quota := _text(folder / "cpu.cfs_quota_us").strip():
        quota, period = cfs_quota, _text(folder / "cpu.cfs_period_us").strip() or period
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
