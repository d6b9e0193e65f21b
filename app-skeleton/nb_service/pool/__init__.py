"""The queue and the scorers: links, pipelining, time limits, restarts. Knows no HTTP."""

from nb_service.pool.answer import Answer
from nb_service.pool.plan import Plan, make_plan
from nb_service.pool.pool import Pool

__all__ = ["Answer", "Plan", "Pool", "make_plan"]
