from nb_service.feedback import Feedback

AGREES = ["agrees", None, None, None]


def outcomes(feedback):
    return {name: count for name, count in feedback.numbers()["outcomes"].items() if count}


def test_only_the_first_judgement_of_an_answer_counts_as_such():
    feedback = Feedback(1 << 20)
    assert feedback.handle({"keep": ["a", False, "4"]}) is None
    assert feedback.handle({"look": [["a", None]]}) == {"found": [[None, 4]]}
    judged = [["a", None, *AGREES], ["a", None, "differs", None, None, None], [None, None, *AGREES]]
    assert feedback.handle({"count": judged}) == {"outcomes": {"agrees": 2, "repeated": 1}}
    assert outcomes(feedback) == {"agrees": 2, "repeated": 1}


def test_what_was_incomparable_may_be_sent_again():
    feedback = Feedback(1 << 20)
    feedback.keep("a", False, "4")
    feedback.count([["a", None, "incomparable", None, None, None]])
    assert feedback.look([["a", None]]) == [[None, 4]]
    assert feedback.count([["a", None, *AGREES]]) == {"agrees": 1}


def test_without_memory_nothing_is_known_and_feedback_with_predictions_counts():
    feedback = Feedback(0)
    feedback.keep("a", False, "4")
    assert feedback.look([["a", None], ["b", 1]]) == [["unknown", None]] * 2
    assert feedback.count([[None, None, *AGREES]]) == {"agrees": 1}


def test_an_answer_that_has_gone_since_it_was_looked_up_is_counted():
    feedback = Feedback(1 << 20)
    assert feedback.count([["gone", None, *AGREES]]) == {"agrees": 1}


def test_answers_keep_their_letters():
    feedback = Feedback(1 << 20)
    feedback.keep("a", False, '"é\\ud800"')
    feedback.keep("b", True, '["\U0001f600"]')
    assert feedback.look([["a", None], ["b", 0]]) == [[None, "é\ud800"], [None, "\U0001f600"]]
