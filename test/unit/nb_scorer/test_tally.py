import os
import tempfile

from nb_scorer.tally import SIZE, Tally


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
