"""Plans the outputs of a job: their inputs and formats."""

import os
from typing import NamedTuple

from nb_service import problems
from nb_service.backends.batch import formats
from nb_service.backends.batch.command_line import Options
from nb_service.backends.batch.formats import COMPRESSIONS, FORMATS, Format, columns
from nb_service.backends.batch.formats.chunk import repeated
from nb_service.backends.batch.inputs import STDIN, Source
from nb_service.backends.batch.outputs import STDOUT

FOLDER = ".nb-batch"


class Task(NamedTuple):
    """An output and its inputs; `format` is None if it has to be detected from the input's first bytes."""

    path: str
    sources: list[Source]
    format: Format | None
    compression: str

    @property
    def name(self) -> str:
        """Return the name for messages."""
        return "stdout" if self.path == STDOUT else self.path


class Plan(NamedTuple):
    """All outputs, and the folder for a job's temporary files; "" if the job can't be resumed.

    `errors` is the file for rows without a prediction, "" for none.
    """

    tasks: list[Task]
    folder: str
    errors: str


def make(sources: list[Source], options: Options) -> Plan:
    """Return the plan; raise BatchWords, BatchInput or BatchOutput for an invalid combination."""
    for source in sources:
        if source.format is not None:
            source.format.require(source.name)
    output = options.output
    into_folder = output.endswith(os.sep) or (output != STDOUT and os.path.isdir(output))
    if into_folder:
        tasks = [_task(_in_folder(output, _file_name(source, options)), [source], options) for source in sources]
    else:
        tasks = [_task(output, sources, options)]
    errors = _target(options.errors) if options.errors else ""
    _check(tasks, sources, errors)
    if output == STDOUT or not all(source.is_lasting for source in sources):
        return Plan(tasks, "", errors)
    path = tasks[0].path
    folder, name = (output, "") if into_folder else (os.path.dirname(path), f".{os.path.basename(path)}")
    return Plan(tasks, os.path.join(folder, f"{name}{FOLDER}"), errors)


def _in_folder(folder: str, name: str) -> str:
    """Return the path of an output named after its input; raise BatchOutput if it is a link."""
    path = os.path.join(folder, name)
    if os.path.islink(path):
        # The user didn't choose this name, and another user with write access to the folder could choose which file
        # gets replaced.
        raise problems.BatchOutput(path, "it is a link", "Remove it, or name the file that it leads to as the output.")
    return path


def _target(path: str) -> str:
    """Return the file that `path` leads to, resolving links; raise BatchOutput unless it is a regular file."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    # A complete output replaces the file of that name, which would destroy a device. The target of /dev/stdout may have
    # a name that isn't a path.
    if (os.path.lexists(target) or os.path.exists(path)) and not os.path.isfile(target):
        raise problems.BatchOutput(path, "it is not a file", "Name a file or a folder; - is stdout.")
    return target


def _task(path: str, sources: list[Source], options: Options) -> Task:
    by_name, compression = formats.of_name(path) if path != STDOUT else (None, "")
    chosen = FORMATS[options.to_format] if options.to_format else by_name or sources[0].format
    # scored.xlsx must not silently become CSV; `scored`, without an extension, is fine.
    if by_name is None and not options.to_format and path != STDOUT and (ending := os.path.splitext(path)[1]):
        known = " ".join(each for one in FORMATS.values() for each in one.endings)
        raise problems.BatchOutput(
            path, f"its suffix {ending} is none of {known}", "Set its format, for example --to csv."
        )
    if options.compression:
        compression = options.compression.removeprefix("none")
    if chosen is not None:
        chosen.require(path)
    if compression == "zstd":
        columns.require(f"{path}, compressed with zstd,")
        if path == STDOUT:
            raise problems.BatchWords("Stdout can only be compressed with gzip; for zstd, pipe it through | zstd.")
    return Task(path if path == STDOUT else _target(path), sources, chosen, compression)


def _file_name(source: Source, options: Options) -> str:
    """Return the file name in the output folder for this input; its extension follows from the output format."""
    if source.path == STDIN:
        raise problems.BatchWords("Rows from stdin have no name for a file in a folder: name the output file.")
    base = os.path.basename(source.path)
    own, compression = formats.of_name(base)
    for ending, _ in [COMPRESSIONS[compression]] if compression else []:
        base = base[: base.lower().rindex(ending[:4])]
    wanted = FORMATS[options.to_format] if options.to_format else source.format
    if wanted is not None and wanted is not own:
        base = (os.path.splitext(base)[0] if own is not None else base) + wanted.endings[0]
    kept = options.compression.removeprefix("none") if options.compression else compression
    return base + (COMPRESSIONS[kept][0] if kept else "")


def _check(tasks: list[Task], sources: list[Source], errors: str) -> None:
    paths = [os.path.realpath(task.path) for task in tasks if task.path != STDOUT]
    if errors:
        paths.append(os.path.realpath(errors))
    if twice := repeated(paths):
        raise problems.BatchWords(f"{twice} would be written twice: several inputs have that name, or --errors has.")
    own = {os.path.realpath(source.path) for source in sources if source.path != STDIN}
    if own & set(paths):
        raise problems.BatchWords(f"{min(own & set(paths))} would be both read and written: choose another output.")
