"""What cells print and show, kept within bounds: for the build's log and for the executed notebook."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

# Escape sequences of terminals: colours, cursor moves, titles.
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
# Control characters that are left then; tab and newline stay.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

SHOWN_BYTES = 2 * 1024 * 1024  # of displays (plots, tables) that a cell keeps in the executed notebook


def plain(text: str) -> str:
    """Return `text` without colours and other orders to a terminal."""
    return CONTROL.sub("", ANSI.sub("", text))


class TamedText:
    """Text that arrives in pieces, kept as its first and last lines, each of bounded width.

    A carriage return does what it does on a screen: what follows replaces the line, so that of a
    progress bar only its last state is left.
    """

    def __init__(self, head: int, tail: int, width: int) -> None:
        self.width = width
        self._head_room = head
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=tail)
        self._left_out = 0
        self._current = ""
        self._cut = 0
        self._replace = False

    def feed(self, text: str) -> None:
        """Take the next piece."""
        *whole, rest = text.replace("\r\n", "\n").split("\n")
        for piece in whole:
            self._write(piece)
            self._end_line()
        self._write(rest)

    def _write(self, piece: str) -> None:
        stays = piece.rstrip("\r")
        if "\r" in stays or (self._replace and stays):
            self._current, self._cut, self._replace = "", 0, False
            stays = stays.rpartition("\r")[2]
        room = max(self.width - len(self._current), 0)
        self._current += stays[:room]
        self._cut += len(stays[room:])
        self._replace = self._replace or len(piece) > len(piece.rstrip("\r"))

    def _line(self) -> str:
        more = f" … ({self._cut:,} more characters)" if self._cut else ""
        return plain(self._current).rstrip() + more

    def _end_line(self) -> None:
        line = self._line()
        self._current, self._cut, self._replace = "", 0, False
        if len(self._head) < self._head_room:
            self._head.append(line)
            return
        self._left_out += len(self._tail) == self._tail.maxlen
        self._tail.append(line)

    def last_line(self) -> str:
        """Return the line being written, or the last one before it."""
        return self._line() or (self._tail or self._head or [""])[-1]

    def lines(self) -> list[str]:
        """Return what is kept, with a line in between that says how many lines are not."""
        gap = [f"… {self._left_out:,} lines left out …"] if self._left_out else []
        return [*self._head, *gap, *self._tail, *([self._line()] if self._current else [])]

    def text(self) -> str:
        """Return `lines` as one text."""
        return "".join(line + "\n" for line in self.lines())


class Outputs:
    """The outputs of one cell, from the kernel's messages, as nbformat has them.

    `displays` holds, by display id, where in the notebook it is shown; one dict serves all its cells, since
    an update goes to every cell that shows the id, whichever cell it comes from.
    """

    def __init__(self, displays: dict[str, list[Display]] | None = None) -> None:
        self.printed = TamedText(head=30, tail=30, width=400)
        self.errors: list[dict] = []
        self._displays = {} if displays is None else displays
        self._kept: list[dict] = []
        self._streams: dict[int, TamedText] = {}
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._clear_next = False

    def see(self, message: dict) -> None:
        """Take one message of the kernel."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self._clear_next = True
            # Where it does not wait, it is done at once, even if nothing comes any more.
            if not content.get("wait"):
                self._clear()
        elif kind == "stream":
            self.printed.feed(content["text"])
            self._stream(content["name"]).feed(content["text"])
        elif kind == "error":
            self.errors.append(content)
            self._keep({"output_type": "error", **{key: content[key] for key in ("ename", "evalue", "traceback")}})
        elif kind in ("display_data", "execute_result"):
            self._show(kind, content)
        elif kind == "update_display_data":
            self._update(content)

    def _clear(self) -> None:
        gone = {id(output) for output in self._kept}
        for shown in self._displays.values():
            shown[:] = [display for display in shown if id(display.output) not in gone]
        self._kept, self._streams, self._sizes = [], {}, {}
        self._bytes, self._clear_next = 0, False

    def _keep(self, output: dict) -> None:
        if self._clear_next:
            self._clear()
        self._kept.append(output)

    def _stream(self, name: str) -> TamedText:
        last = self._kept[-1] if self._kept and not self._clear_next else {}
        if last.get("name") != name:
            self._keep({"output_type": "stream", "name": name})
            self._streams[id(self._kept[-1])] = TamedText(head=1000, tail=1000, width=10_000)
        return self._streams[id(self._kept[-1])]

    def _show(self, kind: str, content: dict) -> None:
        output: dict[str, object] = {"output_type": kind}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        # Kept first: that may clear what was shown before, and make room.
        self._keep(output)
        self.fill(output, content)
        identity = display_id(content)
        if identity:
            # Shown once more under its id, a display is new in the other places, too.
            self._update(content)
            self._displays.setdefault(identity, []).append(Display(self, output))

    def _update(self, content: dict) -> None:
        for display in self._displays.get(display_id(content), ()):
            display.cell.fill(display.output, content)

    def fill(self, output: dict, content: dict) -> None:
        """Give `output` the data of `content`, as far as the cell has room for it."""
        data = content["data"]
        size = sum(len(str(value)) for value in data.values())
        self._bytes -= self._sizes.pop(id(output), 0)
        if self._bytes + size > SHOWN_BYTES:
            data = {"text/plain": f"(an output of {size:,} bytes is not kept)"}
        else:
            self._sizes[id(output)] = size
            self._bytes += size
        output.update(data=data, metadata=content.get("metadata", {}))

    def as_notebook(self) -> list[dict]:
        """Return the outputs that an executed notebook gets; what a later cell updates changes in them, too."""
        return [
            {**output, "text": self._streams[id(output)].text()} if id(output) in self._streams else output
            for output in self._kept
        ]


class Display(NamedTuple):
    """One place where a display id is shown: an output, and the cell's outputs that it is one of."""

    cell: Outputs
    output: dict


def display_id(content: dict) -> str:
    """Return the id that a display can be updated by, "" where it has none."""
    return (content.get("transient") or {}).get("display_id") or ""
