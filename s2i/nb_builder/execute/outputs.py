"""Collects the outputs of cells, with limits on their size, for the build's log and the executed notebook."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

# Terminal escape sequences: colours, cursor moves, titles.
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
# Control characters other than tab and newline.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

SHOWN_BYTES = 2 * 1024 * 1024  # bytes of displays (plots, tables) per cell in the executed notebook


def plain(text: str) -> str:
    """Return `text` without escape sequences and control characters."""
    return CONTROL.sub("", ANSI.sub("", text))


class TamedText:
    """Text that arrives in parts. Its first and last lines are kept, each with a limited width.

    A carriage return works as in a terminal: the following text replaces the line, so only the last state of a progress
    bar is kept.
    """

    def __init__(self, head: int, tail: int, width: int) -> None:
        self.width = width
        self._head_room = head
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=tail)
        self._left_out = 0
        self._current = ""
        self._characters_cut = 0
        self._replace = False

    def feed(self, text: str) -> None:
        """Add the next part of the text."""
        *complete_lines, unfinished_line = text.replace("\r\n", "\n").split("\n")
        for piece in complete_lines:
            self._write(piece)
            self._end_line()
        self._write(unfinished_line)

    def _write(self, piece: str) -> None:
        visible = piece.rstrip("\r")
        if "\r" in visible or (self._replace and visible):
            self._current, self._characters_cut, self._replace = "", 0, False
            visible = visible.rpartition("\r")[2]
        room = max(self.width - len(self._current), 0)
        self._current += visible[:room]
        self._characters_cut += len(visible[room:])
        self._replace = self._replace or len(piece) > len(piece.rstrip("\r"))

    def _line(self) -> str:
        more = f" … ({self._characters_cut:,} more characters)" if self._characters_cut else ""
        return plain(self._current).rstrip() + more

    def _end_line(self) -> None:
        line = self._line()
        self._current, self._characters_cut, self._replace = "", 0, False
        if len(self._head) < self._head_room:
            self._head.append(line)
            return
        self._left_out += len(self._tail) == self._tail.maxlen
        self._tail.append(line)

    def last_line(self) -> str:
        """Return the line being written, or the last complete one."""
        return self._line() or (self._tail or self._head or [""])[-1]

    def lines(self) -> list[str]:
        """Return the kept lines, with one in between that states how many are omitted."""
        gap = [f"… {self._left_out:,} lines left out …"] if self._left_out else []
        return [*self._head, *gap, *self._tail, *([self._line()] if self._current else [])]

    def text(self) -> str:
        """Return `lines` as a single string."""
        return "".join(line + "\n" for line in self.lines())


class Outputs:
    """The outputs of one cell, collected from the kernel's messages in nbformat's form.

    `displays` maps a display ID to the outputs that show it. All cells of a notebook share one dict, because an update
    changes every output with that ID, in any cell.
    """

    def __init__(self, displays: dict[str, list[Display]] | None = None) -> None:
        self.printed = TamedText(head=30, tail=30, width=400)
        self.errors: list[dict] = []
        self._displays = {} if displays is None else displays
        self._outputs: list[dict] = []
        self._streams: dict[int, TamedText] = {}
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._clear_next = False

    def handle(self, message: dict) -> None:
        """Apply one iopub message of the kernel."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self._clear_next = True
            # Without `wait`, clear now, because no further output may follow.
            if not content.get("wait"):
                self._clear()
        elif kind == "stream":
            self.printed.feed(content["text"])
            self._stream(content["name"]).feed(content["text"])
        elif kind == "error":
            self.errors.append(content)
            self._append({"output_type": "error", **{key: content[key] for key in ("ename", "evalue", "traceback")}})
        elif kind in ("display_data", "execute_result"):
            self._show(kind, content)
        elif kind == "update_display_data":
            self._update(content)

    def _clear(self) -> None:
        removed = {id(output) for output in self._outputs}
        for displays in self._displays.values():
            displays[:] = [display for display in displays if id(display.output) not in removed]
        self._outputs, self._streams, self._sizes = [], {}, {}
        self._bytes, self._clear_next = 0, False

    def _append(self, output: dict) -> None:
        if self._clear_next:
            self._clear()
        self._outputs.append(output)

    def _stream(self, name: str) -> TamedText:
        last = self._outputs[-1] if self._outputs and not self._clear_next else {}
        if last.get("name") != name:
            self._append({"output_type": "stream", "name": name})
            self._streams[id(self._outputs[-1])] = TamedText(head=1000, tail=1000, width=10_000)
        return self._streams[id(self._outputs[-1])]

    def _show(self, kind: str, content: dict) -> None:
        output: dict[str, object] = {"output_type": kind}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        # Append first: a pending clear_output runs then, and frees bytes for this output.
        self._append(output)
        self.fill(output, content)
        identity = display_id(content)
        if identity:
            # As in Jupyter, showing an ID again updates the outputs that already have it.
            self._update(content)
            self._displays.setdefault(identity, []).append(Display(self, output))

    def _update(self, content: dict) -> None:
        for display in self._displays.get(display_id(content), ()):
            display.cell.fill(display.output, content)

    def fill(self, output: dict, content: dict) -> None:
        """Give `output` the data of `content`, or a placeholder if the cell's outputs would exceed SHOWN_BYTES."""
        data = content["data"]
        size = sum(len(str(value)) for value in data.values())
        self._bytes -= self._sizes.pop(id(output), 0)
        if self._bytes + size > SHOWN_BYTES:
            data = {"text/plain": f"(an output of {size:,} bytes was left out)"}
        else:
            self._sizes[id(output)] = size
            self._bytes += size
        output.update(data=data, metadata=content.get("metadata", {}))

    def as_notebook(self) -> list[dict]:
        """Return the outputs for the executed notebook; later display updates still change them in place."""
        return [
            {**output, "text": self._streams[id(output)].text()} if id(output) in self._streams else output
            for output in self._outputs
        ]


class Display(NamedTuple):
    """One output that shows a display ID, and the Outputs of its cell."""

    cell: Outputs
    output: dict


def display_id(content: dict) -> str:
    """Return the display ID in a message's content, or ""."""
    return (content.get("transient") or {}).get("display_id") or ""
