import asyncio
import functools
import io
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
from nb_scorer.model import hint_schema, streams
from nb_scorer.model.calls import Call


def generator(x):
    yield x


async def async_generator(x):
    yield x


class Object:
    def __call__(self, x):
        yield x


def by_hint(x) -> Iterator[int]:
    return iter([x])


def by_another_hint(x) -> "Generator[int, None, None]":
    return generator(x)


async def by_async_hint(x) -> AsyncIterator[int]:
    return async_generator(x)


def gives_list(x) -> list[int]:
    return [x]


def gives_file(x) -> io.BytesIO:
    return io.BytesIO(x)


@pytest.mark.parametrize(
    ("predictor", "is_streaming"),
    [
        *((function, True) for function in (generator, async_generator, by_hint, by_another_hint, by_async_hint)),
        *((made, True) for made in (Object(), functools.partial(generator), Call(generator, None))),
        *((function, False) for function in (gives_list, gives_file, len, functools.lru_cache(gives_list), Object)),
    ],
)
def test_which_predictors_stream(predictor, is_streaming):
    assert streams.is_streaming(predictor) is is_streaming


@pytest.mark.parametrize("function", [by_hint, by_another_hint, by_async_hint])
def test_the_hint_of_a_stream_is_that_of_a_list(function):
    assert hint_schema.derive_schemas(function)[1] == {"type": "array", "items": {"type": "integer"}}


def test_items_of_both_kinds_and_what_is_closed_ends_them():
    ended = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            ended.append("sync")

    async def endless_async():
        try:
            while True:
                yield 1
        finally:
            ended.append("async")

    loop = asyncio.new_event_loop()
    for result in (endless(), endless_async()):
        items = streams.items(result, loop.run_until_complete)
        assert [next(items), next(items)] == [1, 1]
        items.close()
    loop.close()
    assert ended == ["sync", "async"]
    assert list(streams.items([1, 2], None)) == [1, 2]
