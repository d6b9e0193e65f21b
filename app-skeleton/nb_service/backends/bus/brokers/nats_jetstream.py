"""NATS JetStream: a durable pull consumer; predictions are published with an id, so that the server drops duplicates.

Predictions have `Nats-Msg-Id: <group>.<stream>.<sequence of the sample>.<its time>`, and a sample is acknowledged only
after the server has confirmed its prediction. A redelivered sample leads to the same id, and JetStream drops the second
message within the duplicate window of the predictions' stream (two minutes by default). The group is part of the id
because several groups may publish to one stream; the time, because a stream that was deleted and created again restarts
its sequence.
"""

import asyncio
import contextlib
import itertools
import json
import re
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import nats
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome, describe_error
from nb_service.backends.bus.place import Place

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

# The timeout for the server's confirmation; a response to a ping may take twice as long.
ANSWER_SECONDS = 5.0
PING_SECONDS = 5
# How long `take` waits for a first message, and how long a request for messages lasts.
IDLE_SECONDS = 0.5
REQUEST_SECONDS = 30
MSG_ID = "Nats-Msg-Id"
# The server's size limit includes headers and protocol lines; it disconnects clients that exceed it.
AROUND = 1024
# The prefix of the server's own headers, which are not copied from a sample to its prediction.
OWN = "nats-"
# Header names that the library can publish; the server also delivers others.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
KEYS = ("key", "partitionkey", "ce-partitionkey")
_STATUS, _LEFT = "Status", "Nats-Pending-Messages"
# Part of a negative acknowledgement.
_ERROR = b'"error"'
# Statuses that end a single request for messages.
_REQUEST_ENDED = ("404", "408")


class NatsJetStream:
    """Consumes the stream that has the subject `source`; see Broker."""

    keeps_claims = True
    blocked = ""

    def __init__(self, place: Place) -> None:
        self.largest = (1 << 20) - AROUND
        self._place = place
        self._client: Client | None = None
        self._said = ""  # the server's last error
        # A consumer's name can't contain the separator of subjects.
        self._durable = place.group.replace(".", "_")
        self._reset()

    def _reset(self) -> None:
        self._arrived: deque[Msg] = deque()
        self._requested = 0  # messages that the server will still send
        self._changed = asyncio.Event()
        self._unconfirmed: set[str] = set()
        self._all_confirmed: asyncio.Future[None] | None = None
        self._numbers = itertools.count()
        self._asking: Subscription | None = None
        self._gone = ""  # the reason why no more messages will arrive

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Connect; find or create the streams and the consumer."""
        self._reset()
        place = self._place
        try:
            self._client = await nats.connect(
                [url.geturl() for url in place.urls],
                name=f"nb-service {place.group}",
                tls=place.tls(),
                # A user without a password is a token.
                **({"token": place.user} if place.user and not place.password else {}),
                **({"user": place.user, "password": place.password} if place.password else {}),
                # The consumer reconnects, and logs it.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=int(ANSWER_SECONDS),
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
                error_cb=self._complained,
                closed_cb=self._closed,
            )
            self.largest = self._client.max_payload - AROUND
            js = self._js = self._client.jetstream(timeout=ANSWER_SECONDS)
            self._stream = await self._stream_of(js, place.source)
            for subject in (place.target, place.errors):
                await self._stream_of(js, subject)
            await self._prepare(js)
            self._inbox = self._client.new_inbox()
            self._confirmations = self._client.new_inbox()
            self._asking = await self._client.subscribe(self._inbox, cb=self._came)
            await self._client.subscribe(f"{self._confirmations}.*", cb=self._confirmed)
        except (errors.Error, JetStreamError, OSError, asyncio.TimeoutError) as error:
            raise Away(self._reason(error)) from error

    async def take(self, most: int) -> list[Delivery]:
        """Return messages that have arrived, and request more, so that `most` are on their way."""
        try:
            wanted = most - self._requested - len(self._arrived)
            # Only now and then: a request costs as much as a message.
            if wanted > 0 and (self._requested < most // 2 or not self._requested):
                self._requested += wanted
                request = {"batch": wanted, "expires": int(REQUEST_SECONDS * 1e9)}
                await self._here.publish(self._next, json.dumps(request).encode(), reply=self._inbox)
            if not self._arrived:
                self._changed.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), IDLE_SECONDS)
        except (errors.Error, OSError) as error:
            raise Away(self._reason(error)) from error
        if self._gone:
            raise Away(self._gone)
        return [self._delivery(self._arrived.popleft()) for _ in range(min(most, len(self._arrived)))]

    async def stop(self) -> None:
        """Withdraw the request for messages, and return those that were not taken to the server."""
        asking, self._asking = self._asking, None
        try:
            if asking is not None:
                # Otherwise, the server would redeliver them for this same request.
                await asyncio.wait_for(asking.drain(), ANSWER_SECONDS)
            while self._arrived:
                await self._here.publish(self._arrived.popleft().reply, Msg.Ack.Nak)
        except (errors.Error, OSError, asyncio.TimeoutError) as error:
            raise Away(self._reason(error)) from error

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish all outcomes, wait for the server's confirmations, then acknowledge their deliveries."""
        tokens = [f"{self._confirmations}.{next(self._numbers)}" for _ in outcomes]
        # Registered before the first is published, and with a single future: one per message would cost as much as the
        # message.
        self._unconfirmed = set(tokens)
        over = self._all_confirmed = asyncio.get_running_loop().create_future()
        try:
            for token, outcome in zip(tokens, outcomes, strict=True):
                subject = self._place.errors if outcome.is_error else self._place.target
                headers = {**outcome.headers, MSG_ID: f"{self._durable}.{outcome.delivery.id}"}
                await self._here.publish(subject, outcome.body, reply=token, headers=headers)
            await asyncio.wait_for(over, ANSWER_SECONDS)
            for outcome in outcomes:
                await self._here.publish(outcome.delivery.claim, Msg.Ack.Ack)
        except (errors.Error, OSError, asyncio.TimeoutError) as error:
            raise Away(self._gone or self._reason(error)) from error
        finally:
            self._unconfirmed.clear()
        # Another consumer has settled it, and published the same id.
        return []

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Report that they are in progress."""
        await self._say_of(deliveries, Msg.Ack.Progress)

    async def lag(self) -> Lag | None:
        """Return the number of undelivered messages; None without the permission to query it."""
        try:
            info = await self._js.consumer_info(self._stream, self._durable)
        except NotFoundError as error:
            raise Away(f"the stream {self._stream} or its consumer {self._durable} is gone") from error
        except (errors.Error, OSError, asyncio.TimeoutError):
            return None
        waiting, since = info.num_pending or 0, 0.0
        if waiting and info.delivered is not None:
            following = info.delivered.stream_seq + 1
            # It may have been taken or deleted in the meantime.
            with contextlib.suppress(errors.Error, OSError, asyncio.TimeoutError):
                first = await self._js.get_msg(self._stream, following, self._place.source, next=True)
                since = first.time.timestamp() if first.time is not None else 0.0
        return Lag(waiting, since)

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Make the server redeliver them now."""
        await self._say_of(deliveries, Msg.Ack.Nak)

    async def close(self) -> None:
        """Return untaken messages to the server, and disconnect."""
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(Away, errors.Error, OSError, asyncio.TimeoutError):
                await self.stop()
                await self._client.flush(timeout=1)
        client, self._client = self._client, None
        self._gone = self._gone or "the connection is closed"
        self._changed.set()
        if client is None:
            return
        with contextlib.suppress(errors.Error, OSError, asyncio.TimeoutError):
            await client.close()

    # --- its parts ---

    @property
    def _here(self) -> Client:
        if self._client is None:
            raise Away(self._gone or "there is no connection")
        return self._client

    @property
    def _next(self) -> str:
        return f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._durable}"

    async def _stream_of(self, js: JetStreamContext, subject: str) -> str:
        """Return the name of the stream with `subject`; create one if the settings require that."""
        try:
            return await js.find_stream_name_by_subject(subject)
        except NotFoundError:
            if not self._place.create:
                raise Away(f"no stream has the subject {subject} (S2I_BUS_CREATE=1 creates one)") from None
        name = "".join("_" if character in ".*> " else character for character in subject)
        await js.add_stream(name=name, subjects=[subject])
        return name

    async def _prepare(self, js: JetStreamContext) -> None:
        """Create or update the durable consumer, with this service's limit for unacknowledged messages."""
        try:
            info = await js.consumer_info(self._stream, self._durable)
            config = info.config
        except NotFoundError:
            config = None
        if config is not None and config.ack_wait == self._place.reclaim:
            return
        config = config or api.ConsumerConfig(
            durable_name=self._durable,
            ack_policy=api.AckPolicy.EXPLICIT,
            filter_subject=self._place.source,
            # S2I_BUS_TRIES limits deliveries; each service limits the messages in flight itself.
            max_deliver=-1,
            max_ack_pending=-1,
        )
        await js.add_consumer(self._stream, config.evolve(ack_wait=self._place.reclaim))

    def _delivery(self, message: Msg) -> Delivery:
        facts = message.metadata
        since = facts.timestamp.timestamp()
        headers = {name.lower(): value for name, value in (message.headers or {}).items()}
        key = next((headers[name] for name in KEYS if headers.get(name)), None)
        if key is None and message.subject != self._place.source:
            # With wildcards in the subscription, this is the actual subject.
            key = message.subject
        return Delivery(
            message.data,
            f"{facts.stream}.{facts.sequence.stream}.{int(since * 1e6)}",
            {name: value for name, value in headers.items() if not name.startswith(OWN) and _NAME.fullmatch(name)},
            key,
            key,
            facts.num_delivered,
            since,
            message.reply,
        )

    async def _say_of(self, deliveries: Sequence[Delivery], command: bytes) -> None:
        try:
            for delivery in deliveries:
                await self._here.publish(delivery.claim, command)
        except (errors.Error, OSError) as error:
            raise Away(self._reason(error)) from error

    async def _came(self, message: Msg) -> None:
        """Take a sample, or handle a status message about a request."""
        # The server's own messages have no reply subject. A producer's empty sample may have such a header, too.
        status = (message.headers or {}).get(_STATUS) if not (message.data or message.reply) else None
        if status is None:
            self._requested = max(0, self._requested - 1)
            self._arrived.append(message)
        elif message.headers is not None and status in _REQUEST_ENDED:
            left = message.headers.get(_LEFT, "")
            self._requested = max(0, self._requested - int(left)) if left.isdecimal() else 0
        elif status != "100":
            self._gone = f"the server says {(message.headers or {}).get('Description', status)} of the consumer"
        self._changed.set()

    async def _confirmed(self, message: Msg) -> None:
        over = self._all_confirmed
        if message.subject not in self._unconfirmed or over is None or over.done():
            return
        self._unconfirmed.discard(message.subject)
        if (message.headers or {}).get(_STATUS):
            over.set_exception(Away("no stream accepts the published message"))
        elif _ERROR in message.data and "error" in (said := json.loads(message.data)):
            over.set_exception(Away(f"a published message was rejected: {said['error'].get('description')}"))
        elif not self._unconfirmed:
            over.set_result(None)

    async def _complained(self, error: Exception) -> None:
        self._said = describe_error(error) if isinstance(error, OSError) else str(error).removeprefix("nats: ")

    async def _closed(self) -> None:
        self._gone = self._gone or self._said or "the connection is lost"
        self._changed.set()
        over = self._all_confirmed
        if self._unconfirmed and over is not None and not over.done():
            over.set_exception(Away(self._gone))

    def _reason(self, error: Exception) -> str:
        """Return the reason as part of a sentence: the server's text, if any."""
        said, self._said = self._said, ""
        # A TimeoutError is also an OSError.
        if isinstance(error, (errors.NoServersError, asyncio.TimeoutError)):
            return said or "no answer"
        if isinstance(error, OSError):
            return describe_error(error)
        text = getattr(error, "description", None) or str(error).removeprefix("nats: ")
        return text or said or type(error).__name__
