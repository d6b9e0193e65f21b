"""Prints the samples in rows of files as JSON lines, for programs that call services themselves.

`python -m nb_service.backends.batch SCHEMA OPTIONS…` takes the JSON schema of a service's samples, and the options of
`batch` for reading. Each line has `row` (counted from 1 in its file), `file`, and either `sample`, the sample's JSON as
text, or `reason`, why the row could not be converted. The exit status is 0 if everything was read.
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

# The options for reading; the others are for writing, but this program writes no file.
_READING = {"inputs", "from_format", "header", "delimiter", "encoding", "sample", "as_form"}


def main(arguments: Sequence[str]) -> int:
    """Print the samples; return the exit status: 0, or that of the problem that stopped the program."""
    try:
        schema, *rest = arguments
        for line in lines(json.loads(schema), rest):
            print(json.dumps(line))
    except problems.Problem as problem:
        print(visible(str(problem)), file=sys.stderr)
        return problem.exit_status
    return 0


def lines(schema: dict, arguments: Sequence[str]) -> Iterator[dict]:
    """Yield a dict for each row of the inputs in `words`; raise BatchWords, BatchInput or BatchNeedsMore."""
    options = command_line.read(arguments)
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
                texts = iter(samples.encode(chunk))
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
