"""The samples that rows of files become, as lines of JSON on stdout: for a program that asks services itself.

`python -m nb_service.backends.batch SCHEMA WORDS…` takes the JSON schema of a service's samples, and the words of
`batch` that say what is read and how. A line has `row` (counted from 1 in its file), `file`, and `sample`, which is the
sample's JSON as text, or `reason`, why the row has none. The exit status is 0 where all was read.
"""

import json
import sys
from collections.abc import Iterator, Sequence

from nb_service import problems
from nb_service.backends.batch import command_line, inputs
from nb_service.backends.batch.command_line import Options
from nb_service.backends.batch.json_texts import encoded
from nb_service.backends.batch.samples import Samples
from nb_service.log import visible
from nb_service.protocols.rows import Rows

# What says how files are read; the other words are about what is written, and here nothing is.
_READING = {"inputs", "from_format", "header", "delimiter", "encoding", "sample", "as_form"}


def main(arguments: Sequence[str]) -> int:
    """Print the samples; return the exit status, that of a problem where one ends it."""
    try:
        schema, *words = arguments
        for line in lines(json.loads(schema), words):
            print(json.dumps(line))
    except problems.Problem as problem:
        print(visible(str(problem)), file=sys.stderr)
        return problem.exit_status
    return 0


def lines(schema: dict, words: Sequence[str]) -> Iterator[dict]:
    """Yield a line for each row of what `words` name; raise BatchWords, BatchInput or BatchNeedsMore."""
    options = command_line.read(words)
    if options is None:
        return
    _check(options)
    rows = Rows(schema)
    for source in inputs.resolve(options.inputs, options.from_format):
        with inputs.opened(source) as opened:
            reader = opened.reader(options._replace(keep=command_line.NONE).reading(rows))
            samples = Samples(source.name, reader.names, rows, options.sample, options.as_form)
            first = 1
            chunks = iter(reader)
            while True:
                with inputs.guarded(source.name):
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                texts = iter(samples.of(chunk))
                for at in range(len(chunk)):
                    line = {"row": first + at, "file": source.name}
                    if at in chunk.broken:
                        yield {**line, "reason": chunk.broken[at]}
                    else:
                        yield {**line, "sample": encoded(next(texts)).decode("utf-8")}
                first += len(chunk)
            opened.check_unchanged()


def _check(options: Options) -> None:
    default = command_line.read(())
    other = [
        name for name, value in options._asdict().items() if name not in _READING and value != getattr(default, name)
    ]
    if other:
        raise problems.BatchWords(f"Only options for reading samples are accepted here, not {', '.join(other)}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
