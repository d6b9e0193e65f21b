"""Calls the compiler: a static program without libc, as small as possible, or one with sanitizers for tests."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
# Leaves out what compilers add by default: libc headers and functions, and code that guards or describes.
_ALL = ("-std=c11",)
_SMALL = (
    "-Oz",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-builtin",
    # memcpy must not become a call of itself.
    "-fno-tree-loop-distribute-patterns",
    "-fno-pic",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    # The same as on x86-64, whatever else a machine supports.
    "-fsigned-char",
    # Products and sums are rounded separately, like numpy's.
    "-ffp-contract=off",
    # The compiler gets all files as one.
    "-flto",
    "-flto-partition=one",
)
_LINKER = (
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-s",
)
# By the output of -dumpmachine or uname: no branch markers (the program doesn't need them), no padding between tables.
_OF_MACHINE = {
    "x86_64": ("-fcf-protection=none", "-malign-data=abi"),
    "aarch64": ("-mbranch-protection=none",),
}
_SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# With libc, these are its own.
_WITHOUT_LIBC = ("nb_start_x86_64.c", "nb_start_aarch64.c", "nb_memory.c")


def sources() -> list[Path]:
    """Return the runtime's C files, in order."""
    return sorted(FOLDER.glob("nb_*.c"))


def build(
    model: Sequence[Path],
    target: Path,
    compiler: str = "gcc",
    fields: str = "",
    *,
    sanitized: bool = False,
    more: Sequence[str] = (),
) -> None:
    """Compile a model's C files with the runtime to the program `target`.

    `fields` are lines for the head of each response, which end with CR and LF; `more` are further options. Raises
    CalledProcessError with the compiler's output in `stderr`.
    """
    machine = subprocess.run([compiler, "-dumpmachine"], check=True, capture_output=True, text=True)
    subprocess.run(
        [compiler, *more, *arguments(model, target, machine.stdout, fields, sanitized=sanitized)],
        check=True,
        capture_output=True,
        text=True,
    )
    if not sanitized:
        drop_section_headers(Path(target))


def arguments(model, target, machine, fields="", *, folder=FOLDER, sanitized=False):
    """Return gcc's arguments for `machine`, such as x86_64; `folder` contains the runtime's sources."""
    names = [path.name for path in sources() if not (sanitized and path.name in _WITHOUT_LIBC)]
    of_machine = next((options for name, options in _OF_MACHINE.items() if name in machine), ())
    small = (*_SMALL, *_LINKER, f"-Wl,-T,{folder}/nb_program.ld", *of_machine)
    options = _SANITIZERS if sanitized else small
    files = [*(f"{folder}/{name}" for name in names), *map(str, model)]
    # The compiler's own library comes last: aarch64 has no instruction that shifts 128 bits.
    return [*_ALL, f"-I{folder}", *options, f"-DNB_MODEL_FIELDS={_literal(fields)}", *files, "-lgcc", "-o", str(target)]


def _literal(text: str) -> str:
    """Return ASCII text as a C literal."""
    return '"' + "".join(f"\\{ord(letter):03o}" if not letter.isalnum() else letter for letter in text) + '"'


def drop_section_headers(path: Path) -> None:
    """Truncate a program after its last segment: the rest is for debuggers and linkers."""
    program = bytearray(path.read_bytes())
    # A 64-bit ELF header: the offset, size and number of the segment headers.
    (at,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    segments = [struct.unpack_from("<IIQQQQ", program, at + number * size) for number in range(count)]
    end = max(offset + length for _, _, offset, _, _, length in segments)
    # No section headers: no offset, no size, no number, no names.
    struct.pack_into("<Q", program, 40, 0)
    struct.pack_into("<HHH", program, 58, 0, 0, 0)
    path.write_bytes(bytes(program[:end]))
