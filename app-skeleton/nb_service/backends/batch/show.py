"""`--show`: prints the samples and results for the first rows."""

from collections.abc import Callable

from nb_service.backends.batch import inputs
from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.command_line import Options
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.backends.batch.plan import Task
from nb_service.backends.batch.results import Results
from nb_service.backends.batch.samples import Samples
from nb_service.backends.batch.scoring import Scoring
from nb_service.protocols.rows import Rows

ROWS = 3


def show(
    options: Options,
    task: Task,
    rows: Rows,
    flat_keys: list[str] | None,
    scoring: Scoring,
    say: Callable[[str], object],
) -> int:
    """Print the samples made from the first rows, and the results that would be written for them."""
    source = task.sources[0]
    with inputs.opened(source) as opened:
        reader = opened.reader(options.reading(rows))
        with inputs.guarded(source.name):
            chunk = next(iter(reader), Chunk([])).slice(0, ROWS)
    header = ", ".join(reader.names) if reader.names is not None else "no header"
    if reader.is_table:
        parted = f", fields separated by {reader.delimiter!r}" if chunk.is_text else ""
        say(f"{source.name}: {opened.format.name}{parted}; columns: {header}")
    else:
        say(f"{source.name}: {opened.format.name}")
    samples = Samples(source.name, reader.names, rows, options.sample, options.as_form, scoring.files).encode(chunk)
    scored = scoring.score(samples)
    results = Results(options.keep, options.column, flat_keys, flat=options.flat, rows=rows)
    answers = iter(scored.answers.values)
    whole = chunk.whole()
    results.begin(source.name, chunk, scored.answers)
    for at in range(len(chunk)):
        if at in chunk.broken:
            say(f"row {at + 1}: rejected: {chunk.broken[at]}")
            continue
        number = whole.index(at)
        say(f"row {at + 1}: predictor gets {samples[number]}")
        if number in scored.failures:
            say(f"       rejected: {scored.failures[number].reason}")
            continue
        made, misfits = results.objects(chunk, [at], Answers(1, values=[next(answers)]))
        say(f"       output: {made[0]}" if made else f"       rejected: {misfits[at]}")
    if not len(chunk):
        say("It has no rows.")
    return 0
