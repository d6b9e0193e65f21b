"""Read Arrow streams that are broken, or that declare much content in few bytes.

Prints what came of them, as JSON: the streams that are whole and were not read as pyarrow itself reads them, what
each of the others got (a status, or the error that should have been one), and the most megabytes that this process
had more than at its start.
"""

import collections
import contextlib
import json
import random
import resource
import struct
import sys

import pyarrow as pa
from nb_service.protocols import Malformed, Series, arrow
from nb_service.protocols.rows import Rows

EXTREMES = [0, 1, 2, 7, 127, 128, 255, 65535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
EXTREMES += [1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 8]
ROWS = [Rows(schema) for schema in (None, {"type": "array"}, {"type": "object"}, {"type": "number"})]


def streamed(table, compression=None) -> bytes:
    """Return a table, or batches of one schema, as a stream."""
    sink = pa.BufferOutputStream()
    batches = table.to_batches() if isinstance(table, pa.Table) else table
    chosen = pa.ipc.IpcWriteOptions(compression=compression, allow_64bit=True)
    with pa.ipc.new_stream(sink, batches[0].schema, options=chosen) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def seeds() -> list[bytes]:
    """Return streams of every type that is read, and of some that are not."""
    texts = pa.array(["a", None, "ccc", "d" * 40])
    columns = {
        "number": pa.array([1.5, None, 2.0, 3.0]),
        "whole": pa.array([1, 2, None, 4], pa.int16()),
        "truth": pa.array([True, None, False, True]),
        "text": texts,
        "view": texts.cast(pa.string_view()),
        "large": texts.cast(pa.large_string()),
        "word": texts.dictionary_encode(),
        "run": pa.RunEndEncodedArray.from_arrays(pa.array([1, 4], pa.int32()), pa.array(["x", "y"])),
        "none": pa.nulls(4),
        "list": pa.array([[1, 2], None, [], [3]]),
        "fixed": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
        "object": pa.array([{"a": 1, "b": ["x"]}] * 4),
        "map": pa.array([[("a", 1)], None, [], [("b", 2)]], pa.map_(pa.string(), pa.int8())),
        "words": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4], pa.int32()), texts.dictionary_encode()),
        "half": pa.array([1.0, 2.0, None, 4.0], pa.float16()),
    }
    others = {
        "list view": pa.array([[1], [2, 3], None, []], pa.list_view(pa.int8())),
        "bytes": pa.array([b"a", b"b", None, b"c"]),
        "time": pa.array([1, 2, None, 4], pa.timestamp("us")),
    }
    tables = [pa.table({name: column}) for name, column in {**columns, **others}.items()] + [pa.table(columns)]
    more = [streamed(table.to_batches() * 3) for table in tables]
    return [streamed(table) for table in tables] + more + [streamed(tables[-1], kind) for kind in ("zstd", "lz4")]


def large() -> dict[str, bytes]:
    """Return streams that are small, and whose values are not."""
    count, long = 100_000, pa.array(["x" * 100_000])
    zeros = pa.array([0] * 10_000_000, pa.int64())
    short = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int8()), long)
    run = pa.RunEndEncodedArray.from_arrays(pa.array([count], pa.int32()), long)
    nulls = pa.FixedSizeListArray.from_arrays(pa.Array.from_buffers(pa.null(), 1 << 30, [None]), 1 << 30)
    view = struct.pack("<i4sii", 100_000, b"xxxx", 0, 0)
    columns = {
        "nulls": pa.Array.from_buffers(pa.null(), 1 << 40, [None]),
        "no fields": pa.StructArray.from_buffers(pa.struct([]), 1 << 30, [None]),
        "nulls in a list": nulls,
        "dictionary": short,
        "runs": run,
        "dictionary in a list": pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), short),
        "views": pa.Array.from_buffers(
            pa.string_view(), count, [None, pa.py_buffer(view * count), pa.py_buffer(b"x" * 100_000)]
        ),
        "list view": pa.ListViewArray.from_arrays([0] * count, [count] * count, pa.array([0] * count, pa.int8())),
    }
    made = {name: [pa.record_batch([column], ["a"])] for name, column in columns.items()}
    made["long name"] = [pa.record_batch([pa.array([0] * count, pa.int8())], ["a" * 10_000])]
    streams = {name: streamed(batches) for name, batches in made.items()}
    return {**streams, **{kind: streamed([pa.record_batch([zeros], ["a"])] * 20, kind) for kind in ("zstd", "lz4")}}


def places(seed: bytes) -> list[int]:
    """Return where the data of a stream lie: only a full validation verifies them."""
    positions, at = [], 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(seed)):
        data = message.body.to_pybytes() if message.body is not None else b""
        at = seed.index(message.metadata.to_pybytes(), at) + message.metadata.size
        positions += range(seed.index(data, at), seed.index(data, at) + len(data))
    return positions


def broken(seed: bytes, inside: list[int], dice: random.Random) -> bytes:
    """Return a stream with some of its bytes changed, mostly whole numbers, or with a piece missing or twice."""
    body = bytearray(seed)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        at = dice.choice(inside) if inside and dice.random() < 0.5 else dice.randrange(len(body))
        way = dice.random()
        if way < 0.7:
            size = dice.choice([1, 2, 4, 4, 8, 8])
            at -= at % size
            value = dice.choice([*EXTREMES, dice.randrange(64)]) + dice.choice([0, 0, 1, -1])
            body[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
        elif way < 0.95:
            body[at : at + 1] = bytes([dice.randrange(256)])
        elif way < 0.98:
            del body[at : at + dice.choice([1, 8, 64, len(body)])]
        else:
            body[at:at] = body[at : at + 64]
        if len(body) < len(seed):
            break
    return bytes(body)


def outcome(body: bytes, rows: Rows) -> str:
    """Return the outcome of a stream: "200", or the status and, unless it was rejected, the error."""
    try:
        samples = arrow.read(body, rows)
        list(samples)
        # As its own answers, it is written, too.
        with contextlib.suppress(Malformed):
            arrow.write(Series(array=samples.array))
    except Malformed as rejected:
        return str(rejected.status)
    except ValueError as wrong:
        # NaN and infinities, which the scorers reject.
        return "400" if "is not JSON" in str(wrong) else repr(wrong)
    except Exception as wrong:  # noqa: BLE001 - the subject of the search
        return repr(wrong)
    return "200"


def misread(seed: bytes, together: int) -> str | None:
    """Return the content of a stream read in pieces of that size, if it differs from pyarrow's reading."""
    arrow.BYTES_TOGETHER = together
    rows = json.loads(json.dumps(pa.ipc.open_stream(seed).read_all().to_pylist()))
    samples = arrow.read(seed, ROWS[0]).values
    return None if samples == rows else f"{samples} is not {rows}"


def megabytes() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count: int, number: int) -> None:
    """Read `count` broken streams, the same ones for the same `number`, and then the large ones."""
    dice, started = random.Random(number), seeds()  # noqa: S311 - the same ones again are what is wanted
    whole = [seed for seed in started if outcome(seed, ROWS[0]) == "200"]
    usual = arrow.BYTES_TOGETHER
    wrong = [said for together in (1, 50, usual) for seed in whole if (said := misread(seed, together))]
    big = large()
    before = megabytes()
    outcomes = collections.Counter()
    pairs = [(seed, places(seed)) for seed in started]
    for _ in range(count):
        outcomes[outcome(broken(*dice.choice(pairs), dice), dice.choice(ROWS))] += 1
    results = {name: [len(body), outcome(body, ROWS[0])] for name, body in big.items()}
    print(
        json.dumps(
            {
                "whole": len(whole),
                "misread": wrong,
                "broken": outcomes,
                "large": results,
                "megabytes": megabytes() - before,
            }
        )
    )


main(*map(int, sys.argv[1:]))
