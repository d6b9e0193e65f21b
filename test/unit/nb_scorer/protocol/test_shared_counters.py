import os
import tempfile

from nb_scorer.protocol.shared_counters import SIZE, Tally


def test_what_one_process_counts_another_reads():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        tally = Tally(memory.fileno())
        child = os.fork()
        if not child:
            tally.start()
            tally.start(3)
            os._exit(0)
        os.waitpid(child, 0)
        assert tally.started == 4


def test_what_is_called_back_before_it_is_started_is_not_to_be_touched():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        front, scorer = Tally(memory.fileno()), Tally(memory.fileno())
        assert scorer.start(2) == 0
        assert front.call_back(5) == 2
        assert scorer.start() == 1
        assert scorer.start(4) == 2
        assert scorer.start() == 0
