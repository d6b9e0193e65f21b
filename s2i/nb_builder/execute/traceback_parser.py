"""Finds the cell and line in a traceback, which IPython 7, 8 and 9 format differently."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nb_builder.execute.outputs import ANSI

# The frames of cells:   IPython 7            8.0 to 8.4                8.5 and later
#   <ipython-input-3-9e1622b385b6> in f()     Input In [3], in f()     Cell In[3], line 2, in f()
#   /tmp/ipykernel_77/1234.py in f()
#   model.ipynb cell [3] in f()          with nb_scorer.kernel.cell_names, from 7.23 on
# Python itself puts the same names in quotes: File "model.ipynb cell [3]", line 2, in f
CELL_FRAME = re.compile(
    r"^\s*(?:File )?\"?"
    r"(?P<label><ipython-input-\d+-\w+>|\S*/ipykernel_\d+/\d+\.py|(?:Cell|Input) In ?\[\d+\]"
    r"|\S.* cell \[\d+\]|<timed exec>)\"?"
    r"(?:, line (?P<line>\d+)|:(?P<colon>\d+)|, in | in |$)"
)
OTHER_FRAME = re.compile(r"^\s*(?:File )?\S+?(?::\d+, in | in \S+\()")
ARROW = re.compile(r"^-+> (?P<line>\d+)(?P<text>.*)")
SYNTAX_LINE = re.compile(r" \((?:<ipython-input-[^>]*>|\d+\.py|\S[^()]* cell \[\d+\]|<[^>]*>), line (\d+)\)\s*$")
LABEL_NUMBER = re.compile(r"(?:In| cell) ?\[(\d+)\]|<ipython-input-(\d+)-")
MAGIC_CALL = "run_cell_magic("


@dataclass
class Frame:
    """A cell's frame in a traceback: the cell's label, the line, and that line's text if it is shown."""

    label: str
    line: int | None = None
    text: str = ""


def plain_traceback(lines: list[str]) -> str:
    """Return the kernel's traceback as text without colours."""
    return ANSI.sub("", "\n".join(lines)).strip("\n")


def raised(traceback: str) -> tuple[str, str]:
    """Return (class, message) of the error at the end of a Python traceback, or ("", "")."""
    _, header, text = traceback.rpartition("Traceback (most recent call last):\n")
    lines = text.splitlines() if header else []
    # Frames are indented.
    message = "\n".join(itertools.dropwhile(lambda line: line.startswith(" "), lines))
    name, _, message = message.partition(": ")
    return name.strip().rpartition(".")[2], message


def is_syntax_error(name: str, traceback: str) -> bool:
    """Return whether the cell itself could not be compiled, as opposed to code that it imported or ran."""
    return name in ("SyntaxError", "IndentationError", "TabError") and "Traceback (most recent" not in traceback


def cell_frames(traceback: str) -> Iterator[Frame]:
    """Yield the frames that are in cells, outermost first."""
    frame = None
    for text in traceback.splitlines():
        if match := CELL_FRAME.match(text):
            if frame:
                yield frame
            line = match["line"] or match["colon"]
            frame = Frame(match["label"], int(line) if line else None)
        elif frame and (arrow := ARROW.match(text)):
            frame.line = frame.line or int(arrow["line"])
            frame.text = frame.text or arrow["text"].strip()
        elif frame and OTHER_FRAME.match(text):
            yield frame
            frame = None
    if frame:
        yield frame


def number_of(traceback: str) -> int | None:
    """Return the number of the cell in the outermost frame, or None if its label has no number."""
    for frame in cell_frames(traceback):
        match = LABEL_NUMBER.search(frame.label)
        return int(match[1] or match[2]) if match else None
    return None


def line_of(source: str, *, error: str, traceback: str) -> int | None:
    """Return the deepest line of `source` in the traceback, or None if no line is shown."""
    magic = source.lstrip().startswith(("%%", "get_ipython()." + MAGIC_CALL))
    # IPython strips empty lines at the top before it counts lines.
    lines_above = source[: len(source) - len(source.lstrip())].count("\n") + magic
    if "Traceback (most recent" not in traceback and (match := SYNTAX_LINE.search(error)):
        return int(match[1]) + lines_above
    frames = list(cell_frames(traceback))
    if magic:
        # The body of a cell magic starts on the cell's second line; the frame of the magic's call is not the error's.
        frames = [frame for frame in frames if MAGIC_CALL not in frame.text] or frames[:0]
    if not frames:
        return None
    # The outermost frame is the cell that runs; frames with another label are functions of earlier cells.
    line_numbers = [frame.line for frame in frames if frame.label == frames[0].label]
    return line_numbers[-1] + lines_above if line_numbers[-1] is not None else None
