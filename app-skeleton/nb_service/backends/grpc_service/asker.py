"""Sends the samples of one call to the pool, and stops when the caller has left."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

from nb_service.app import failures
from nb_service.backends.grpc_service.refusals import FULL, Refused
from nb_service.http.replies import Disclosure
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.pool.async_client import AsyncPoolClient
from nb_service.pool.client import SHARE
from nb_service.protocols import Limits, Malformed, Series, series


class Asker:
    """Scores samples with `pool`, within `limits`."""

    def __init__(self, pool: AsyncPoolClient, limits: Limits, disclosure: Disclosure) -> None:
        self._pool = pool
        self._limits = limits
        self._disclosure = disclosure

    async def answers(self, samples: Series, call: bytes = b"") -> Series:
        """Return the predictions for `samples`; raise Malformed or Refused for the first that failed.

        `call` is added to each request.
        """
        if samples.at_most > self._limits.samples:
            self._limits.check_samples(len(samples))
        try:
            if self._pool.together and samples.at_most > 1:
                parts = list(samples.parts(failures.TOGETHER))
                is_numbers, bodies = series.bodies(parts)
                ask = self._pool.ask_block if is_numbers else self._pool.ask_array
                return Series.joined(await self._payloads(partial(ask, call=call), bodies, parts))
            return Series(await self._payloads(partial(self._pool.ask, call=call), samples.elements, samples))
        except Malformed:
            raise
        except ValueError as error:
            raise Malformed(f"The samples are not JSON: {error}.") from error

    async def items(self, samples: Series, call: bytes = b"") -> AsyncGenerator[bytes, None]:
        """Yield each item of the prediction for the only sample; raise Malformed or Refused if it fails."""
        async with contextlib.aclosing(self._pool.ask_stream(series.only(samples), call)) as answers:
            async for answer in answers:
                if answer.outcome == outcomes.FULL:
                    raise Refused(FULL)
                if answer.outcome not in (outcomes.ITEM, outcomes.OK):
                    raise failures.failure(answer, samples, 0, self._disclosure)
                if answer.outcome == outcomes.ITEM:
                    yield answer.payload

    async def _payloads(
        self, ask: Callable[[bytes], "asyncio.Future[Answer]"], bodies: Sequence[bytes], samples: Sequence
    ) -> list[bytes]:
        """Return the predictions for all bodies, keeping within this call's share of the queue."""
        window = max(1, self._pool.max_queue // SHARE)
        asked: list[asyncio.Future[Answer]] = []  # pending requests: those from `len(payloads)` on
        payloads: list[bytes] = []
        try:
            while len(payloads) < len(bodies):
                at = len(payloads)
                asked += map(ask, bodies[at + len(asked) : at + window])
                answer = await asked[0]
                if answer.outcome == outcomes.FULL and len(asked) > 1:
                    # The queue is full of other requests, so keep as many in flight as it accepted.
                    window = await self._again(ask, asked, bodies[at : at + len(asked)])
                    continue
                if answer.outcome == outcomes.FULL:
                    raise Refused(FULL)
                if answer.outcome != outcomes.OK:
                    raise failures.failure(answer, samples, at, self._disclosure)
                payloads.append(answer.payload)
                del asked[0]
        finally:
            if asked:
                self._pool.abandon(asked)
        return payloads

    async def _again(
        self,
        ask: Callable[[bytes], "asyncio.Future[Answer]"],
        asked: "list[asyncio.Future[Answer]]",
        bodies: Sequence[bytes],
    ) -> int:
        """Wait for all pending requests, and retry those that found the queue full.

        Return how many were accepted, at least 1.
        """
        await asyncio.wait(asked)
        full = [at for at, waiting in enumerate(asked) if waiting.result().outcome == outcomes.FULL]
        took = len(asked) - len(full)
        if not took:
            raise Refused(FULL)
        # In the order of the samples, and no more than were accepted before.
        for at in full[:took]:
            asked[at] = ask(bodies[at])
        del asked[full[took] if len(full) > took else len(asked) :]
        return took
