"""The compiler's command line: a static program without libc, as small as can be, or one with sanitizers for tests."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
# What a compiler brings along stays out: headers of libc, its functions, and all that guards or describes code.
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
    # As on x86-64, whatever a machine has else.
    "-fsigned-char",
    # A product and a sum are rounded each, as numpy's are.
    "-ffp-contract=off",
    # All files are one to the compiler.
    "-flto",
    "-flto-partition=one",
)
_LINKER = (
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-s",
)
# By what -dumpmachine or uname say: no marks for branches (the program needs none to run), no room between tables.
_OF_MACHINE = {
    "x86_64": ("-fcf-protection=none", "-malign-data=abi"),
    "aarch64": ("-mbranch-protection=none",),
}
_SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# With libc these are its own.
_WITHOUT_LIBC = ("nb_start_x86_64.c", "nb_start_aarch64.c", "nb_memory.c")


def sources() -> list[Path]:
    """Return the runtime's C files, in their order."""
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
    CalledProcessError with the compiler's words in `stderr`.
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
    """Return what gcc is called with for `machine`, such as x86_64, where the runtime's sources lie in `folder`."""
    names = [path.name for path in sources() if not (sanitized and path.name in _WITHOUT_LIBC)]
    of_machine = next((options for name, options in _OF_MACHINE.items() if name in machine), ())
    small = (*_SMALL, *_LINKER, f"-Wl,-T,{folder}/nb_program.ld", *of_machine)
    options = _SANITIZERS if sanitized else small
    files = [*(f"{folder}/{name}" for name in names), *map(str, model)]
    # Last come the compiler's own functions: aarch64 has no instruction that shifts 128 bits.
    return [*_ALL, f"-I{folder}", *options, f"-DNB_MODEL_FIELDS={_literal(fields)}", *files, "-lgcc", "-o", str(target)]


def _literal(text: str) -> str:
    """Return ASCII as a literal of C."""
    return '"' + "".join(f"\\{ord(letter):03o}" if not letter.isalnum() else letter for letter in text) + '"'


def drop_section_headers(path: Path) -> None:
    """Cut a program off behind its last segment: what follows is for debuggers and linkers."""
    program = bytearray(path.read_bytes())
    # An ELF header of 64 bits: where the segments' headers are, how large one is, and how many there are.
    (at,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    segments = [struct.unpack_from("<IIQQQQ", program, at + number * size) for number in range(count)]
    end = max(offset + length for _, _, offset, _, _, length in segments)
    # No section headers: no offset, no size, no number, no names.
    struct.pack_into("<Q", program, 40, 0)
    struct.pack_into("<HHH", program, 58, 0, 0, 0)
    path.write_bytes(bytes(program[:end]))
