"""FastStream with the same predictor, in one process: from a broker's place to another, acknowledged when answered.

Usage: faststream_app.py BROKER ADDRESS SOURCE TARGET [HOW_MANY_AT_A_TIME]

It writes no line a message, which would cost it a third.
"""

import asyncio
import os
import sys

from faststream import AckPolicy, FastStream
from model import predictor

# Messages that are taken at a time, where the broker gives several.
MANY = 512


def main(kind: str, address: str, source: str, target: str, workers: int) -> None:
    """Serve until a signal."""
    broker, take, publish = BROKERS[kind](address, source, target, {"max_workers": workers} if workers > 1 else {})

    @take
    @publish
    async def handle(sample: list[float]) -> int:
        return predictor(sample)

    asyncio.run(FastStream(broker).run())


def _nats(address: str, source: str, target: str, more: dict) -> tuple:
    from faststream.nats import JStream, NatsBroker, PullSub

    broker = NatsBroker(address, logger=None)
    stream = JStream(name=source, subjects=[source], declare=False)
    many = PullSub(batch_size=MANY, timeout=1.0)
    policy = AckPolicy.NACK_ON_ERROR
    take = broker.subscriber(source, stream=stream, durable="faststream", pull_sub=many, ack_policy=policy, **more)
    return broker, take, broker.publisher(target, stream=target)


def _redis(address: str, source: str, target: str, more: dict) -> tuple:
    from faststream.redis import RedisBroker, StreamSub

    broker = RedisBroker(address, logger=None)
    stream = StreamSub(source, group="faststream", consumer=f"c{os.getpid()}", last_id=">", max_records=MANY)
    take = broker.subscriber(stream=stream, ack_policy=AckPolicy.NACK_ON_ERROR, **more)
    return broker, take, broker.publisher(stream=target)


def _rabbitmq(address: str, source: str, target: str, more: dict) -> tuple:
    from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

    broker = RabbitBroker(address, logger=None, default_channel=Channel(prefetch_count=MANY, publisher_confirms=True))
    # There already, as a quorum queue.
    queues = [RabbitQueue(name, durable=True, declare=False) for name in (source, target)]
    take = broker.subscriber(queues[0], ack_policy=AckPolicy.NACK_ON_ERROR, **more)
    return broker, take, broker.publisher(queues[1], persist=True)


def _kafka(address: str, source: str, target: str, more: dict) -> tuple:
    from faststream.confluent import KafkaBroker

    broker = KafkaBroker(address.removeprefix("kafka://"), logger=None, allow_auto_create_topics=False)
    earliest = {"group_id": "faststream", "auto_offset_reset": "earliest"}
    take = broker.subscriber(source, **earliest, ack_policy=AckPolicy.NACK_ON_ERROR, **more)
    return broker, take, broker.publisher(target)


BROKERS = {"nats": _nats, "redis": _redis, "rabbitmq": _rabbitmq, "kafka": _kafka}

if __name__ == "__main__":
    main(*sys.argv[1:5], int((sys.argv[5:] or ["1"])[0]))
