"""Feedback: true values that clients report later, compared with the predictions.

`kept_answers` has recent predictions by request id, `judgement` compares one with its true value, and `counts` sums up
the outcomes for /metrics. The front, which holds the pool, has the predictions and the counts. The app reads and
compares feedback in two steps: `look` returns predictions, and `count` counts the outcomes.
"""

from collections.abc import Iterable
from typing import Any

from nb_service.feedback.counts import Counts
from nb_service.feedback.judgement import REPEATED, UNKNOWN, Judgement
from nb_service.feedback.kept_answers import KeptAnswers, Wanted

__all__ = ["Feedback", "KeptAnswers"]


class Feedback:
    """The feedback about a service's predictions; for the loop's thread only.

    `memory` is the size limit for predictions in bytes, `golden` are predictions from the build.
    """

    def __init__(self, memory: int, golden: Iterable[Any] = ()) -> None:
        self.kept = KeptAnswers(memory) if memory else None
        self._counts = Counts(golden)

    def handle(self, message: dict) -> dict | None:
        """Handle a message from the app; return the response to {"keep": …}, {"look": …} or {"count": …}, as below."""
        if "keep" in message:
            self.keep(*message["keep"])
            return None
        if "look" in message:
            return {"found": self.look(message["look"])}
        return {"outcomes": self.count(message["count"])}

    def keep(self, request_id: str, is_many: bool, text: str) -> None:
        """Keep the app's response: the JSON of a prediction, or of an array of them."""
        if self.kept is not None:
            self.kept.keep(request_id, text.encode("utf-8", "surrogatepass"), is_many=is_many)

    def look(self, wanted: list[Wanted]) -> list[list]:
        """Return [outcome, prediction] of each in `wanted`, or of the first ones for which there is time.

        The outcome is None if the prediction is known and has no feedback yet; otherwise, there is no prediction.
        """
        if self.kept is None:
            return [[UNKNOWN, None]] * len(wanted)
        return self.kept.look(wanted)

    def count(self, judged: Iterable[list]) -> dict[str, int]:
        """Count judgements, each after the request's id and the index; return their number by outcome.

        A prediction that has received feedback in the meantime counts as repeated.
        """
        outcomes: dict[str, int] = {}
        for request_id, index, *facts in judged:
            judgement = Judgement(*facts)
            # Feedback that could not be compared may be sent again in a valid form.
            if judgement.is_counted and request_id is not None and self.kept is not None:
                is_first = self.kept.take(request_id, index)
                judgement = judgement if is_first else Judgement(REPEATED)
            self._counts.add(judgement)
            outcomes[judgement.outcome] = outcomes.get(judgement.outcome, 0) + 1
        return outcomes

    def numbers(self) -> dict:
        """Return all counts in a form that JSON can hold."""
        return self._counts.numbers()
