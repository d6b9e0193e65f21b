"""How much memory a process has, on systems without /proc as well."""

from nb_service.backends import allocator


def test_memory_is_measured_without_proc_too(monkeypatch):
    assert allocator.resident() > 1 << 20
    monkeypatch.setattr(allocator, "_STATM", "/nowhere/statm")
    assert allocator.resident() > 1 << 20
