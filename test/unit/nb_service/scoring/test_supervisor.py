import pytest
from nb_service.scoring.supervisor import ending


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-120, "was killed by signal 120"),
    ],
)
def test_an_exit_is_told_in_words(code, words):
    assert ending(code) == words
