import os

from nb_scorer.protocol.shared_counters import SIZE, SharedCounters
from nb_service.pool import memory


def test_what_one_side_counts_the_other_reads_even_without_a_memfd(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with memory.shared_memory() as file:
        assert os.fstat(file.fileno()).st_size == SIZE
        one, other = SharedCounters(file.fileno()), SharedCounters(file.fileno())
    one.start(2)
    assert other.started == 2
