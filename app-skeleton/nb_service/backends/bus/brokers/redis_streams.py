"""Redis Streams: a consumer group. One atomic script adds a prediction and acknowledges its sample.

The script first checks whether the sample is still pending. So a sample gets no second prediction if another consumer
has claimed it, or if the connection broke before Redis could confirm the first. Messages that a stopped service left
pending are claimed (XAUTOCLAIM) after being idle for S2I_BUS_RECLAIM seconds.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Sequence
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome, describe_error
from nb_service.backends.bus.place import Place

ANSWER_SECONDS = 5.0
# How long `take` waits for a first message.
IDLE_SECONDS = 0.5
# The minimum interval between checks for messages that other consumers left pending.
CLAIM_SECONDS = 1.0
# Redis's default limit for a value (proto-max-bulk-len).
MAX_SIZE = 512 << 20
BODY = b"data"
KEYS = ("key", "partitionkey", "ce-partitionkey")
# A consumer that has been idle for this long without pending messages belongs to a service that no longer exists.
STALE_SECONDS = 3600
# KEYS: the streams of samples, predictions and errors. ARGV: the group; the number of names and values that all entries
# share, and these; then for each outcome the sample's id, the index of its stream in KEYS, the number of further names
# and values of its entry, and these. Returns the indexes of outcomes whose samples are no longer pending. XADD comes
# before XACK, so that a failure acknowledges no sample without a prediction.
SETTLE = """
local shared = tonumber(ARGV[2])
local lost, at, number = {}, 3 + shared, 0
while at <= #ARGV do
    local id, count = ARGV[at], tonumber(ARGV[at + 2])
    if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 1 then
        local entry = {unpack(ARGV, 3, 2 + shared)}
        for own = at + 3, at + 2 + count do
            entry[#entry + 1] = ARGV[own]
        end
        redis.call('XADD', KEYS[tonumber(ARGV[at + 1])], '*', unpack(entry))
        redis.call('XACK', KEYS[1], ARGV[1], id)
    else
        lost[#lost + 1] = number
    end
    at, number = at + 3 + count, number + 1
end
return lost
"""
_ERRORS = (exceptions.RedisError, OSError, asyncio.TimeoutError)


class RedisStreams:
    """Consumes the stream `source`; see Broker. An entry's field `data` is the sample; other fields are its headers."""

    keeps_claims = True
    blocked = ""
    largest = MAX_SIZE

    def __init__(self, place: Place) -> None:
        self._place = place
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._client: Redis | None = None
        self._address = 0
        self._is_up = False
        self._claim_at = 0.0
        self._claim_from: Any = "0-0"

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Connect; create the group if it does not exist, starting with the oldest sample."""
        place = self._place
        url = place.urls[self._address % len(place.urls)]
        tls = {"ssl_ca_certs": place.ca_file, "ssl_certfile": place.cert_file, "ssl_keyfile": place.key_file}
        client = self._client = Redis(
            host=url.hostname or "",
            port=url.port or 6379,
            db=int(url.path.strip("/") or 0),
            username=place.user or None,
            password=place.password or None,
            ssl=place.tls() is not None,
            **{name: path for name, path in tls.items() if path},  # type: ignore[arg-type]
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # The consumer retries, and logs it.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._settle = client.register_script(SETTLE)
        self._claim_at = 0.0
        try:
            try:
                await client.xgroup_create(place.source, place.group, id="0", mkstream=True)
            except exceptions.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            await self._remove_stale(client)
        except _ERRORS as error:
            # One of several servers may be a replica, or unavailable.
            self._address += 1
            raise self._away(error) from error

    async def take(self, most: int) -> list[Delivery]:
        """Return messages that other consumers left pending; if there are none, new ones."""
        client, place = self._here, self._place
        try:
            now = time.monotonic()
            if now >= self._claim_at:
                left = await self._claim(client, most)
                if left:
                    return left
                self._claim_at = now + min(CLAIM_SECONDS, place.reclaim / 2)
            came: Any = await client.xreadgroup(
                place.group, self._consumer, {place.source: ">"}, count=most, block=int(IDLE_SECONDS * 1000)
            )
        except _ERRORS as error:
            raise self._away(error) from error
        self._is_up = True
        return [_delivery(*entry) for _, entries in came for entry in entries]

    async def stop(self) -> None:
        """Do nothing: Redis sends messages only on request."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish and acknowledge all outcomes with one script."""
        place = self._place
        shared = _shared(outcomes)
        arguments: list[Any] = [place.group, 2 * len(shared), *(part for pair in shared for part in pair)]
        for outcome in outcomes:
            fields: list[Any] = [part for pair in outcome.headers.items() if pair not in shared for part in pair]
            fields += [BODY, outcome.body]
            arguments += [outcome.delivery.id, 3 if outcome.is_error else 2, len(fields), *fields]
        try:
            lost = await self._settle(
                keys=[place.source, place.target, place.errors], args=arguments, client=self._here
            )
        except _ERRORS as error:
            raise self._away(error) from error
        return [outcomes[int(number)] for number in lost]

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Reset the idle time of the deliveries that still belong to this service."""
        client, place = self._here, self._place
        ids = [delivery.id for delivery in deliveries]
        if not ids:
            return
        try:
            ours = await self._pending(client, len(ids) * 2)
            held: list[Any] = [name for name in ids if name in ours]
            if held:
                await client.xclaim(
                    place.source, place.group, self._consumer, min_idle_time=0, message_ids=held, justid=True
                )
        except _ERRORS as error:
            raise self._away(error) from error

    async def lag(self) -> Lag | None:
        """Return the group's undelivered messages; None if Redis doesn't know (before 7.0, or after XDEL)."""
        client, place = self._here, self._place
        try:
            groups: Any = await client.xinfo_groups(place.source)
            ours = next((group for group in groups if _text(group["name"]) == place.group), None)
            if ours is None:
                raise Away(f"the stream {place.source} has lost its group {place.group}")
            if ours.get("lag") is None:
                return None
            first: Any = await client.xrange(place.source, min=f"({_text(ours['last-delivered-id'])}", count=1)
            return Lag(int(ours["lag"]), _since(_text(first[0][0])) if first else 0.0)
        except exceptions.NoPermissionError:
            return None
        except _ERRORS as error:
            raise self._away(error) from error

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Set their idle time so that other consumers claim them with their next check."""
        ids: list[Any] = [delivery.id for delivery in deliveries]
        idle = int(self._place.reclaim * 1000) + 1
        try:
            await self._here.xclaim(
                self._place.source, self._place.group, self._consumer, 0, ids, idle=idle, justid=True
            )
        except _ERRORS as error:
            raise self._away(error) from error

    async def close(self) -> None:
        """Disconnect; remove this consumer from the group if it has nothing pending."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(*_ERRORS):
            if self._is_up and not await self._pending(client, 1):
                await client.xgroup_delconsumer(self._place.source, self._place.group, self._consumer)
        with contextlib.suppress(*_ERRORS):
            await client.aclose()

    # --- its parts ---

    @property
    def _here(self) -> Redis:
        if self._client is None:
            raise Away("the connection is closed")
        return self._client

    def _away(self, error: BaseException) -> Away:
        self._is_up = False
        return Away(_reason(error))

    async def _claim(self, client: Redis, most: int) -> list[Delivery]:
        """Claim messages that were idle for too long; the next call continues where this one stopped."""
        place = self._place
        answer: Any = await client.xautoclaim(
            place.source,
            place.group,
            self._consumer,
            min_idle_time=int(place.reclaim * 1000),
            start_id=self._claim_from,
            count=most,
        )
        self._claim_from, entries = answer[0], [entry for entry in answer[1] if entry[1]]
        if not entries:
            return []
        times = await self._pending(client, len(entries), _text(entries[0][0]), _text(entries[-1][0]))
        return [_delivery(name, fields, times.get(_text(name), 2)) for name, fields in entries]

    async def _pending(self, client: Redis, count: int, first: str = "-", last: str = "+") -> dict[str, int]:
        """Return {id: delivery count} of this service's pending entries."""
        entries: Any = await client.xpending_range(
            self._place.source, self._place.group, first, last, max(1, count), self._consumer
        )
        return {_text(entry["message_id"]): int(entry["times_delivered"]) for entry in entries}

    async def _remove_stale(self, client: Redis) -> None:
        """Remove consumers of services that no longer exist, because each start of a service adds one."""
        place = self._place
        with contextlib.suppress(exceptions.NoPermissionError):
            for consumer in await client.xinfo_consumers(place.source, place.group):
                if not consumer["pending"] and consumer["idle"] > STALE_SECONDS * 1000:
                    await client.xgroup_delconsumer(place.source, place.group, consumer["name"])


def _shared(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], None]:
    """Return the headers that all outcomes share, in the order of the first, because sending them once is cheap.

    The order is always the same, because Redis stores an entry's field names only if they differ from those of the
    first entry in its node.
    """
    if not outcomes:
        return {}
    in_all = set.intersection(*(set(outcome.headers.items()) for outcome in outcomes))
    return {pair: None for pair in outcomes[0].headers.items() if pair in in_all}


def _delivery(name: bytes, fields: dict[bytes, bytes], deliveries: int = 1) -> Delivery:
    headers = {_text(field).lower(): _text(value) for field, value in fields.items() if field != BODY}
    key = next((headers[name] for name in KEYS if headers.get(name)), None)
    own = _text(name)
    return Delivery(fields.get(BODY, b""), own, headers, key, key, deliveries, _since(own))


def _since(name: str) -> float:
    """Return when the entry was added, from the milliseconds in its id; a producer may have chosen another id."""
    return int(name.partition("-")[0]) / 1000


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _reason(error: BaseException) -> str:
    """Return the reason as part of a sentence."""
    if isinstance(error, exceptions.TimeoutError | asyncio.TimeoutError):
        return "no answer"
    if isinstance(error, exceptions.ConnectionError):
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, OSError):
            return describe_error(cause)
    if isinstance(error, OSError):
        return describe_error(error)
    return str(error).rstrip(".") or type(error).__name__
