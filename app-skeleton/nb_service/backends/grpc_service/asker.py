"""Asks the pool for the samples of one call, and nothing more once nobody waits for it."""

import asyncio
from collections.abc import Callable, Sequence
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
    """Asks `pool` within `limits`."""

    def __init__(self, pool: AsyncPoolClient, limits: Limits, disclosure: Disclosure) -> None:
        self._pool = pool
        self._limits = limits
        self._disclosure = disclosure

    async def answers(self, samples: Series, call: bytes = b"") -> Series:
        """Return the answers to `samples`; raise Malformed or Refused for the first that failed.

        `call` is what the request adds to them.
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

    async def _payloads(
        self, ask: Callable[[bytes], "asyncio.Future[Answer]"], bodies: Sequence[bytes], samples: Sequence
    ) -> list[bytes]:
        """Return the answers to all bodies, of which this call has no more at a time than its share of the queue."""
        window = max(1, self._pool.max_queue // SHARE)
        asked: list[asyncio.Future[Answer]] = []  # what waits: those from `len(payloads)` on
        payloads: list[bytes] = []
        try:
            while len(payloads) < len(bodies):
                at = len(payloads)
                asked += map(ask, bodies[at + len(asked) : at + window])
                answer = await asked[0]
                if answer.outcome == outcomes.FULL and len(asked) > 1:
                    # Others fill the queue: as many as it took of this call are enough at a time.
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
        """Wait for all that were asked, ask again where the queue was full; return how many it took, at least one."""
        await asyncio.wait(asked)
        full = [at for at, waiting in enumerate(asked) if waiting.result().outcome == outcomes.FULL]
        took = len(asked) - len(full)
        if not took:
            raise Refused(FULL)
        # In the order of the samples, and no more than it took before.
        for at in full[:took]:
            asked[at] = ask(bodies[at])
        del asked[full[took] if len(full) > took else len(asked) :]
        return took
