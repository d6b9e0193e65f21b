"""The queue and the scorers: links, pipelining, time limits, restarts. Independent of HTTP."""

from nb_service.pool.answer import Answer
from nb_service.pool.plan import Plan, make_plan
from nb_service.pool.scoring_pool import Pool

__all__ = ["Answer", "Plan", "Pool", "make_plan"]
