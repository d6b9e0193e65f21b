from nb_service.feedback.counts import Counts
from nb_service.feedback.judgement import Judgement, judge


def test_errors_are_summed_up_and_squared():
    counts = Counts()
    for answer, true in ((1.0, 1.0), (2.0, 2.5), (4.0, 1.0), (1.0, 1e200)):
        counts.add(judge(answer, true))
    assert counts.numbers()["errors"] == [3, 3.5, 9.25]
    assert counts.numbers()["outcomes"] == {
        "agrees": 1,
        "differs": 3,
        "unknown": 0,
        "repeated": 0,
        "incomparable": 0,
    }


def test_the_table_has_answers_next_to_true_ones():
    counts = Counts()
    for answer, true in (("a", "a"), ("a", "b"), ("a", "b"), (1, 2), (True, True)):
        counts.add(judge(answer, true))
    assert counts.numbers()["classes"] == [["1", "2", 1], ["a", "a", 1], ["a", "b", 2], ["true", "true", 1]]


def test_no_client_makes_the_table_large_or_takes_the_place_of_what_the_notebook_answers():
    counts = Counts(["cat", "dog", 2.5, [1, 2], "cat"])
    for number in range(5000):
        counts.add(judge(f"answer {number}", f"true {number}"))
    counts.add(judge("cat", "dog"))
    table = counts.numbers()["classes"]
    assert len({name for answered, true, _ in table for name in (answered, true)}) == 21
    assert ["cat", "dog", 1] in table and ["other", "other", 4991] in table


def test_what_is_not_counted_is_in_no_sum():
    counts = Counts()
    counts.add(Judgement("unknown"))
    assert counts.numbers()["errors"] == [0, 0.0, 0.0] and counts.numbers()["classes"] == []
    assert counts.numbers()["outcomes"]["unknown"] == 1
