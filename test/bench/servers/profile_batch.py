"""What the front of `batch` does with a CSV file alongside asking: reads it, makes samples, writes answers; no scorer.

Usage: profile_batch.py IN OUT ANSWER, by the service's own Python; prints the CPU seconds of the three.
"""

import sys
import time

from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.formats import csv_table
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.results import Results
from nb_service.backends.batch.samples import Samples
from nb_service.protocols.rows import Rows

source, target, answer = sys.argv[1:]
rows = Rows({"type": "array", "items": {"type": "number"}})
took = {"read": 0.0, "made": 0.0, "written": 0.0}


def timed(name, call, *args):
    """Return what a call returns, and count its seconds."""
    began = time.process_time()
    try:
        return call(*args)
    finally:
        took[name] += time.process_time() - began


with open(source, "rb", buffering=1 << 18) as stream, open(target, "wb", buffering=1 << 20) as out:
    reader = csv_table.Reader(stream, source, ReadOptions(rows))
    samples = Samples(source, reader.names, rows, (), "")
    results = Results("all", "prediction", None, flat=False, rows=rows)
    writer = csv_table.Writer(reader.delimiter)
    chunks = iter(reader)
    while (chunk := timed("read", next, chunks, None)) is not None:
        body = timed("made", lambda chunk: ("[" + ",".join(samples.encode(chunk)) + "]").encode(), chunk)
        answers = Answers(len(chunk), array=("[" + ", ".join([answer] * len(chunk)) + "]").encode())
        results.begin(source, chunk, answers)
        lines = timed("written", results.lines, chunk, chunk.whole(), answers, reader.delimiter)
        timed("written", out.write, timed("written", writer.lines, lines))
print(*took.values())
