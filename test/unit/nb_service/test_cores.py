import os

import pytest
from nb_service import cores


def at(tmp_path, cgroup: str, files: dict):
    (tmp_path / "cgroup").write_text(cgroup)
    for name, text in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cores.available(tmp_path / "cgroup", tmp_path / "sys")


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch):
    """Let the affinity allow eight CPUs, whatever this machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {}, 8),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("4:cpu,cpuacct:/x\n", {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n"}, 8),
        ("4:memory:/\n", {}, 8),
        ("", {}, 8),
    ],
)
def test_the_quota_of_the_container_counts_and_not_the_machine(tmp_path, cgroup, files, expected):
    assert at(tmp_path, cgroup, files) == expected
