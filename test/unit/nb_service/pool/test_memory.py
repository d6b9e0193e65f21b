import os

import pytest
from nb_scorer.protocol.shared_counters import SIZE, SharedCounters
from nb_service.pool import memory


def test_what_one_side_counts_the_other_reads_even_without_a_memfd(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with memory.shared_memory() as file:
        assert os.fstat(file.fileno()).st_size == SIZE
        one, other = SharedCounters(file.fileno()), SharedCounters(file.fileno())
    one.start(2)
    assert other.started == 2


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only Linux seals the size of a file")
@pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1])
def test_a_scorer_can_t_change_the_size_of_what_the_front_has_mapped(size):
    with memory.shared_memory() as file, pytest.raises(PermissionError):
        os.ftruncate(file.fileno(), size)
