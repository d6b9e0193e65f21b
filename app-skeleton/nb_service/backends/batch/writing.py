"""Writes one output: rows in its format, or staged rows if the format needs all of them first."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Any

from nb_service.backends.batch import convert, inputs
from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.formats import columns
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.backends.batch.formats.csv_table import Writer
from nb_service.backends.batch.formats.ndjson import ArrayWriter, LinesWriter
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.outputs import STDOUT, Growing, Stream, give_name, guarded, packed, write_whole
from nb_service.backends.batch.plan import Task
from nb_service.backends.batch.results import Results

NO_ANSWERS = Answers(0, values=[])


class Output:
    """An output; `staged` is its temporary file, "" if nothing remains after this process.

    `size` bytes were written by an earlier run; `results` has their shape.
    """

    def __init__(self, task: Task, staged: str, size: int, results: Results, stdout: int) -> None:
        self.results = results
        self._task = task
        self._name = task.format.name if task.format is not None else "ndjson"
        self._stdout = stdout
        self._is_staged = task.format is not None and task.format.is_staged
        # Typed columns are kept unchanged, because JSON would lose their types.
        self._rereads = (
            results.keeps
            and self._name in ("parquet", "arrow")
            and all(
                source.is_lasting and source.format is not None and source.format.is_columns for source in task.sources
            )
        )
        is_direct = task.path == STDOUT and not self._is_staged
        self._temporary = ""
        if not staged and not is_direct:
            folder = None if task.path == STDOUT else os.path.dirname(task.path) or "."
            with guarded(task.name):
                descriptor, staged = tempfile.mkstemp(prefix=".nb-batch.", dir=folder)
                os.close(descriptor)
            self._temporary = staged
        self._sink: Any = Stream(stdout, packed=bool(task.compression)) if is_direct else Growing(staged, size)
        self._is_begun = size > 0
        self._writer = self._make_writer(is_begun=size > 1)

    def _make_writer(self, *, is_begun: bool) -> Any:
        if self._name in ("csv", "tsv"):
            shape = self.results.shape
            delimiter = "\t" if self._name == "tsv" else shape.delimiter if shape is not None else ","
            return Writer(delimiter, header=shape is None or shape.header)
        if self._name == "json":
            return ArrayWriter(is_begun=is_begun)
        return LinesWriter()

    def begin(self, name: str, chunk: Chunk, answers: Answers = NO_ANSWERS) -> None:
        """Write the header, unless an earlier run wrote it."""
        shape = self.results.begin(name, chunk, answers)
        if self._is_begun:
            return
        self._is_begun = True
        self._writer = self._make_writer(is_begun=False)
        if not self._is_staged:
            self._sink.write(self._writer.begin(shape.columns))

    def write(self, chunk: Chunk, indexes: Sequence[int], answers: Answers, first: int) -> dict[int, str]:
        """Write the predictions of the rows at `indexes`; return, by index, why some don't fit the columns.

        `first` is the number of the chunk's first row in all inputs of this output, counted from 0.
        """
        rows: Any
        misfits: dict[int, str] = {}
        if isinstance(self._writer, Writer):
            rows = self.results.lines(chunk, indexes, answers, self._writer.delimiter)
            if rows is not None:
                self._sink.write(self._writer.lines(rows))
                return {}
            rows, misfits = self.results.cells(chunk, indexes, answers)
        elif self._name == "npy":
            rows = answers.texts
        elif self._rereads:
            rows, misfits = self.results.numbered(chunk, indexes, answers, first)
        else:
            rows, misfits = self.results.objects(chunk, indexes, answers, bare=not self._is_staged)
        self._sink.write(self._writer.rows(rows))
        return misfits

    def keep(self) -> int:
        """Flush the output to disk; return its size."""
        return self._sink.keep()

    def check(self, rows: int) -> None:
        """Raise RuntimeError if the number of staged rows differs from `rows`."""
        if not self._is_staged:
            return
        self._sink.keep()
        with open(self._sink.path, "rb") as file:
            count = sum(1 for _ in file)
        if count != rows:
            raise RuntimeError(f"{rows} rows were written, but the file has {count}")

    def finish(self, options: ReadOptions) -> None:
        """Convert the output to its format and give it its final name."""
        if not self._is_staged:
            self._sink.write(self._writer.end())
            if isinstance(self._sink, Stream):
                self._sink.finish()
                self._sink.close()
                return
        self._sink.keep()
        self._sink.close()
        staged = self._sink.path
        if self._is_staged or self._task.compression:
            self._make(staged, options)
        else:
            self._set_mode(staged)
            give_name(staged, self._task.path)
            self._temporary = ""
        self.close()

    def _make(self, staged: str, options: ReadOptions) -> None:
        def fill(sink: IO[bytes], *, exact: bool) -> None:
            if self._name == "npy":
                convert.to_npy(staged, sink, self._task.name)
            elif self._is_staged:
                self._columns(options).write(staged, sink, exact=exact, as_stream=self._task.path == STDOUT)
            else:
                with open(staged, "rb") as file:
                    shutil.copyfileobj(file, sink, 1 << 20)

        if self._task.path == STDOUT:
            with guarded("stdout"), os.fdopen(self._stdout, "wb") as file, packed(file, self._task.compression) as sink:
                fill(sink, exact=True)
            return
        made = f"{staged}.made"
        try:
            write_whole(made, partial(fill, exact=False), self._task.compression)
        except convert.Wider:
            # A file can be written again, unlike stdout, but that is rarely necessary.
            write_whole(made, partial(fill, exact=True), self._task.compression)
        self._set_mode(made)
        give_name(made, self._task.path)

    @staticmethod
    def _set_mode(path: str) -> None:
        """Give a temporary file the permissions of a newly created file."""
        mask = os.umask(0o022)
        os.umask(mask)
        with guarded(path):
            os.chmod(path, 0o666 & ~mask)

    def _columns(self, options: ReadOptions) -> convert.Columns:
        shape = self.results.shape
        if shape is None:
            raise RuntimeError("an output without columns")
        if self._rereads:
            answers = [shape.column] if shape.keys is None else shape.keys
            return convert.Columns(self._name, answers, self._task.name, self._reread(options, shape.kept or []))
        return convert.Columns(self._name, shape.columns, self._task.name, None)

    def _reread(self, options: ReadOptions, kept: list[str]) -> Callable[[], Iterator[Any]]:
        options = options._replace(columns=tuple(kept))

        def batches() -> Iterator[Any]:
            schema = columns.common_schema([(source.name, schema) for source, schema in schemas()])
            # An Arrow file allows only one dictionary per column.
            form = columns.Form(schema, decodes=self._name == columns.ARROW)
            is_empty = True
            for source in self._task.sources:
                with inputs.opened(source) as opened:
                    for batch in opened.reader(options).batches(kept):
                        is_empty = False
                        yield form.convert(batch)
            # Files without rows need columns, too.
            if is_empty:
                yield form.of_none()

        def schemas() -> Iterator[tuple[inputs.Source, Any]]:
            for source in self._task.sources:
                with inputs.opened(source) as opened:
                    yield source, opened.reader(options).schema_of(kept)

        return batches

    def close(self) -> None:
        """Close it, and remove the temporary files that a resumed job can't use."""
        self._sink.close()
        if self._temporary:
            for path in (self._temporary, f"{self._temporary}.made"):
                if os.path.exists(path):
                    os.unlink(path)
