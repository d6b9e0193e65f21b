"""Predictors that yield their prediction item by item: recognises them, and iterates over their items."""

import collections.abc
import functools
import inspect

from nb_scorer.model.calls import Call
from nb_scorer.model.hints import bare, resolved

# Type hints of streams. Classes of libraries that can be iterated, such as files, are not included.
_HINTS = (collections.abc.Iterator, collections.abc.AsyncIterator)
_HOMES = ("collections.abc", "typing")
_END = object()


def is_streaming(predictor):
    """Return whether a predictor yields items: a generator, sync or async, or a function with such a return hint."""
    predictor, code = _unwrapped(predictor)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        return True
    hint = bare(resolved(predictor).get("return"))
    kind = getattr(hint, "__origin__", None) or hint
    return inspect.isclass(kind) and kind.__module__ in _HOMES and issubclass(kind, _HINTS)


def is_async(predictor):
    """Return whether a predictor is an async def, with or without yield."""
    code = _unwrapped(predictor)[1]
    return inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code)


def _unwrapped(predictor):
    """Return (the notebook's own object, its function)."""
    while isinstance(predictor, (Call, functools.partial)):
        predictor = predictor.function if isinstance(predictor, Call) else predictor.func
    # For a callable object, its method.
    return predictor, predictor if inspect.isroutine(predictor) else type(predictor).__call__


async def items_async(result):
    """Yield the items of a streaming predictor's `result`, as `items` does, in a running event loop."""
    if inspect.isawaitable(result):
        result = await result
    if not hasattr(result, "__aiter__"):
        iterator = iter(result)
        try:
            for item in iterator:
                yield item
        finally:
            _close(iterator, "close", lambda closed: None)
        return
    iterator = result.__aiter__()
    try:
        async for item in iterator:
            yield item
    finally:
        if hasattr(iterator, "aclose"):
            await iterator.aclose()


def items(result, run):
    """Yield the items of a streaming predictor's `result`; `run` runs a coroutine and returns its result.

    When this generator is closed, it closes the predictor's.
    """
    if hasattr(result, "__aiter__"):
        iterator = result.__aiter__()
        try:
            item = run(_next_of(iterator))
            while item is not _END:
                yield item
                item = run(_next_of(iterator))
        finally:
            _close(iterator, "aclose", run)
    else:
        iterator = iter(result)
        try:
            for item in iterator:
                yield item
        finally:
            _close(iterator, "close", lambda closed: None)


async def _next_of(iterator):
    try:
        return await iterator.__anext__()
    except StopAsyncIteration:
        return _END


def _close(iterator, name, run):
    # Only generators can be closed.
    if hasattr(iterator, name):
        run(_closed(iterator) if name == "aclose" else iterator.close())


async def _closed(iterator):
    await iterator.aclose()
