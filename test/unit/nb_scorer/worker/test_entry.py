import socket

import pytest
from nb_scorer.model.problems import ModelMissing
from nb_scorer.worker import entry


@pytest.fixture
def link():
    """Return a scorer's socket, whose other end is closed."""
    ours, front = socket.socketpair()
    front.close()
    yield ours
    ours.close()


def test_a_scorer_that_can_t_load_its_model_ends_quietly_once_no_one_listens(monkeypatch, link):
    def missing(*_model_args):
        raise ModelMissing("/nowhere")

    monkeypatch.setattr(entry, "_of_front", missing)
    assert entry._lone_scorer(link, None, True, ["model", "notebook", ""]) == 0
