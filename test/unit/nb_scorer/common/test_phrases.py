import pytest
from nb_scorer.common import phrases


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-120, "was killed by signal 120"),
    ],
)
def test_an_exit_is_reported_in_words(code, words):
    assert phrases.ending(code) == words


def test_a_text_that_is_cut_says_so():
    assert (phrases.cut("abc", 3), phrases.cut("abcd", 3)) == ("abc", "abc …")


@pytest.mark.parametrize(
    ("names", "words"), [([], ""), (["a"], "a"), (("a", "b"), "a, b"), (iter([1, 2, 3, 4]), "1, 2 and 2 more")]
)
def test_a_list_that_is_too_long_says_how_many_more_there_are(names, words):
    assert phrases.listed(names, 2) == words
