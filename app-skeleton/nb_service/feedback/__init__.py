"""Feedback: the true answers that clients send later, alongside what was answered.

`kept_answers` has the last answers by the ids of their requests, `judgement` compares one with its true answer, and
`counts` is what came of that, for /metrics. The process that holds the pool has both; the app reads feedback and
judges it, in two steps: `look` gives it answers, and `count` counts its judgements, each answer's first.
"""

from collections.abc import Iterable
from typing import Any

from nb_service.feedback.counts import Counts
from nb_service.feedback.judgement import REPEATED, UNKNOWN, Judgement
from nb_service.feedback.kept_answers import KeptAnswers, Wanted

__all__ = ["Feedback", "KeptAnswers"]


class Feedback:
    """What a service knows of the truth of its answers; for the loop's thread only.

    `memory` is how many bytes answers may take, `golden` are answers that the build has seen.
    """

    def __init__(self, memory: int, golden: Iterable[Any] = ()) -> None:
        self.kept = KeptAnswers(memory) if memory else None
        self._counts = Counts(golden)

    def handle(self, news: dict) -> dict | None:
        """Take what the app tells, return what it asks for: {"keep": …}, {"look": …} or {"count": …}, as below."""
        if "keep" in news:
            self.keep(*news["keep"])
            return None
        if "look" in news:
            return {"found": self.look(news["look"])}
        return {"outcomes": self.count(news["count"])}

    def keep(self, request_id: str, is_many: bool, text: str) -> None:
        """Keep what the app has answered: the JSON of an answer, or of an array of them."""
        if self.kept is not None:
            self.kept.keep(request_id, text.encode("utf-8", "surrogatepass"), is_many=is_many)

    def look(self, wanted: list[Wanted]) -> list[list]:
        """Return [outcome, answer] of each in `wanted`, or of as many of the first as there is time for now.

        The outcome is None where the answer is known and has no feedback yet; else there is no answer.
        """
        if self.kept is None:
            return [[UNKNOWN, None]] * len(wanted)
        return self.kept.look(wanted)

    def count(self, judged: Iterable[list]) -> dict[str, int]:
        """Count judgements, each behind the request's id and the index; return how many there are by outcome.

        An answer that has had feedback meanwhile is counted as repeated.
        """
        outcomes: dict[str, int] = {}
        for request_id, index, *facts in judged:
            judgement = Judgement(*facts)
            # What could not be compared may be sent again as it should be.
            if judgement.is_counted and request_id is not None and self.kept is not None:
                is_first = self.kept.take(request_id, index)
                judgement = judgement if is_first else Judgement(REPEATED)
            self._counts.add(judgement)
            outcomes[judgement.outcome] = outcomes.get(judgement.outcome, 0) + 1
        return outcomes

    def numbers(self) -> dict:
        """Return all counts in a form that JSON can hold."""
        return self._counts.numbers()
