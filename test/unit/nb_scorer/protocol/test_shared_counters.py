import os
import tempfile

from nb_scorer.protocol.shared_counters import SIZE, SharedCounters


def test_what_one_process_counts_another_reads():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        counters = SharedCounters(memory.fileno())
        child = os.fork()
        if not child:
            counters.start()
            counters.start(3)
            os._exit(0)
        os.waitpid(child, 0)
        assert counters.started == 4


def test_progress_within_an_array_is_seen():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        front, scorer = SharedCounters(memory.fileno()), SharedCounters(memory.fileno())
        before = front.progress
        scorer.note_progress()
        assert front.progress != before
        assert front.started == 0


def test_only_the_sample_that_is_withdrawn_is():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        front, scorer = SharedCounters(memory.fileno()), SharedCounters(memory.fileno())
        scorer.start()
        assert not scorer.is_withdrawn()
        front.withdraw(1)
        assert scorer.is_withdrawn()
        scorer.start()
        assert not scorer.is_withdrawn()


def test_what_is_called_back_before_it_is_started_is_not_to_be_touched():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        front, scorer = SharedCounters(memory.fileno()), SharedCounters(memory.fileno())
        assert scorer.start(2) == 0
        assert front.call_back(5) == 2
        assert scorer.start() == 1
        assert scorer.start(4) == 2
        assert scorer.start() == 0
