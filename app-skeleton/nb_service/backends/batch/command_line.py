"""The command-line arguments of `batch`: inputs, how to read them, and outputs."""

import argparse
import os
import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from nb_service import backends, problems
from nb_service.backends.batch.formats import FORMATS
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.inputs import FILES
from nb_service.backends.batch.outputs import STDOUT
from nb_service.protocols.rows import Rows

# The values of --keep that are not column names.
ALL, NONE = "all", "none"
JSON = "--json"
USAGE = """\
Usage: batch [OPTIONS] [INPUT…] [OUTPUT]

Score rows with the model: of files, folders or patterns of names (in quotes), or of stdin (-, or no word), to a file, a
folder (which ends in /), or stdout. With one word it is the input. Formats go by the endings of names.
"""


class Options(NamedTuple):
    """The parsed options of a job; fields have the names of the options."""

    inputs: tuple[str, ...]
    output: str
    from_format: str
    to_format: str
    compression: str
    header: str | None
    delimiter: str
    encoding: str
    sample: tuple[str, ...]
    as_form: str
    files: str
    keep: str
    column: str
    parameters: tuple[str, ...]
    predictor: str
    flat: bool
    errors: str
    max_errors: str
    show: bool
    restart: bool
    json: bool

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Return predictor's parameters as (name, text) pairs."""
        return [(name, value) for name, _, value in (text.partition("=") for text in self.parameters)]

    @property
    def report_to(self) -> int | None:
        """Return the descriptor for the report of --json: stdout, or stderr if predictions go to stdout."""
        if not self.json:
            return None
        return 2 if self.output == STDOUT else 1

    def reading(self, rows: Rows) -> ReadOptions:
        """Return the options for readers; `rows` describes the form of the model's own samples."""
        columns = None
        if self.sample and self.keep != ALL:
            columns = tuple({*self.sample, *(() if self.keep == NONE else self.keep.split(","))})
        return ReadOptions(rows, self.header, self.delimiter, self.encoding, columns)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise problems.BatchWords(f"Invalid arguments for batch: {message}.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="batch", add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    names = [*FORMATS]
    add = parser.add_argument
    add("paths", nargs="*", help=argparse.SUPPRESS)
    add(
        "--from",
        dest="from_format",
        choices=[*names, FILES],
        default="",
        metavar="FORMAT",
        help="format of the inputs; files: each file of a folder is a row",
    )
    add("--to", dest="to_format", choices=names, default="", metavar="FORMAT", help="format of what is written")
    add("--compress", choices=["gzip", "zstd", "none"], default="", metavar="HOW", help="gzip, zstd or none")
    add("--header", choices=["yes", "no"], help="whether the first line of CSV has names; detected by default")
    add(
        "--delimiter",
        type=_given,
        metavar="CHARACTER",
        help="delimiter of CSV fields; detected by default",
    )
    add(
        "--encoding",
        type=_given,
        help="encoding of text; by default UTF-8, or UTF-16 if the file has its byte order mark",
    )
    add("--sample", type=_given, metavar="COLUMN,…", help="columns to pass to predictor; all by default")
    add(
        "--as",
        dest="as_form",
        choices=["list", "object", "value"],
        default="",
        help="form of the sample that a row becomes",
    )
    add("--files", type=_given, metavar="FOLDER", help="folder with the files whose names are in the rows")
    add(
        "--keep",
        type=_given,
        default=ALL,
        metavar="all|none|COLUMN,…",
        help="input columns to copy to the output",
    )
    add("--column", type=_given, default="prediction", metavar="NAME", help="name of the prediction column")
    add(
        "--parameter",
        dest="parameters",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of predictor, for all rows; may be repeated",
    )
    add("--predictor", type=_given, metavar="NAME", help="which of the notebook's predictors scores the rows")
    add("--flat", action="store_true", help="write each key of a prediction as a column of its own")
    add("--errors", type=_given, metavar="FILE", help="file for rows without a prediction, as NDJSON")
    add("--max-errors", type=_given, metavar="N|P%", help="stop once more rows than this have failed")
    add("--show", action="store_true", help="show the samples and predictions of three rows, and write nothing")
    add("--restart", action="store_true", help="discard the results of an earlier run of the same job")
    add(JSON, action="store_true", help="print a report as JSON at the end")
    add("--help", "-h", action="store_true", help="show this")
    return parser


def _given(text: str) -> str:
    if not text:
        # The cause is most likely an unset $VARIABLE; an empty value on the command line must not count as the default.
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _parameter(text: str) -> str:
    if not text.partition("=")[1]:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return text


def read(arguments: Sequence[str]) -> Options | None:
    """Parse the arguments; return None after printing help; raise BatchWords."""
    parser = _parser()
    given = parser.parse_intermixed_args(list(arguments))
    if given.help:
        backends.show_help(USAGE + "\n" + parser.format_help().strip())
        return None
    # Not the default "", which `_given` would reject.
    for name in ("delimiter", "encoding", "sample", "files", "errors", "max_errors", "predictor"):
        setattr(given, name, getattr(given, name) or "")
    *inputs, output = given.paths if len(given.paths) > 1 else [*(given.paths or ["-"]), "-"]
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given.delimiter, given.delimiter)
    _check(given, delimiter, inputs)
    return Options(
        tuple(inputs),
        output,
        given.from_format,
        given.to_format,
        given.compress,
        {"yes": "present", "no": "absent"}.get(given.header),
        delimiter,
        given.encoding,
        tuple(given.sample.split(",")) if given.sample else (),
        given.as_form,
        given.files or (inputs[0] if given.from_format == FILES else ""),
        given.keep,
        given.column,
        tuple(given.parameters),
        given.predictor,
        given.flat,
        given.errors,
        given.max_errors,
        given.show,
        given.restart,
        given.json,
    )


def _check(given: argparse.Namespace, delimiter: str, inputs: list[str]) -> None:
    if len(delimiter) > 1 or (delimiter and delimiter in '"\r\n'):
        raise problems.BatchWords(f"--delimiter {given.delimiter} is not one character.")
    if given.encoding:
        # Some codecs don't encode text to bytes.
        try:
            "a".encode(given.encoding)
        except (LookupError, ValueError):
            raise problems.BatchWords(f"--encoding {given.encoding} is not an encoding that Python supports.") from None
    if given.files and not os.path.isdir(given.files):
        raise problems.BatchWords(f"--files {given.files} is not a folder.")
    if given.from_format == FILES and len(inputs) > 1:
        raise problems.BatchWords("--from files reads one folder.")
    if given.max_errors:
        share(given.max_errors)
    if given.errors == "-":
        raise problems.BatchWords("--errors - is not a file: stdout is only for predictions.")
    if "-" in inputs and len(inputs) > 1:
        raise problems.BatchWords("Stdin can't be one of several inputs.")


def share(text: str) -> tuple[float, bool]:
    """Return the number in --max-errors and whether it is a percentage; raise BatchWords."""
    is_share = text.endswith("%")
    number = text.removesuffix("%")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?" if is_share else "[0-9]+", number) or (is_share and float(number) > 100):
        raise problems.BatchWords(f"--max-errors {text} is neither a whole number nor a percentage such as 0.5%.")
    return float(number), is_share
