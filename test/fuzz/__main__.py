"""make fuzz-native: what reads a client's or user's bytes in native programs, under libFuzzer with sanitizers.

Usage: python test/fuzz [RUNS]
Compiles test/unit/nb_native/runtime/fuzz.c with clang and begins with the seeds of test_fuzz.py and with what earlier
runs have found worth keeping, in .nb-builder/fuzz/corpus. Prints how many inputs ran, how much of the code they
reached, and what was found: each finding is an input in .nb-builder/fuzz/findings, and the exit status is then 1.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from unit.nb_native.runtime import fuzzing

HOME = Path(os.environ.get("NB_BUILDER_HOME", ".nb-builder")).resolve() / "fuzz"
RUNS = 10_000_000
MAX_LENGTH = 4096
# A call that takes longer is a finding, and so is one that needs more memory than this.
SECONDS, MEGABYTES = 5, 1024
OPTIONS = ("-print_final_stats=1", "-reload=0")


def compiled(folder: Path) -> Path:
    """Return the target, compiled again; exit if there is no clang."""
    if shutil.which("clang") is None:
        sys.exit("ERROR: There is no clang here.\n  Why: libFuzzer is clang's.\n  Fix: apt-get install clang")
    target = folder / "target"
    command = ["clang", *fuzzing.COMPILED, "-fsanitize=fuzzer,address,undefined", *fuzzing.files(), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


def seed(corpus: Path, dictionary: Path) -> None:
    """Write the inputs that libFuzzer begins with, and the words that it puts into others."""
    for place, texts in fuzzing.SEEDS.items():
        for number, text in enumerate(texts):
            # Requests arrive in pieces of four sizes, and so do lines: one of each.
            for kind in place[:4] if place in (fuzzing.REQUESTS, fuzzing.LINES) else place[:1]:
                (corpus / f"seed-{kind:02x}-{number}").write_bytes(bytes([kind]) + text)
    words = ["".join(f"\\x{byte:02x}" for byte in word) for word in fuzzing.WORDS]
    dictionary.write_text("".join(f'"{word}"\n' for word in words))


def fuzz(runs: int, say: Callable[[str], object] = print) -> int:
    """Run that number of inputs; return 1 if one of them was a finding, else 0."""
    corpus, findings, dictionary = HOME / "corpus", HOME / "findings", HOME / "dictionary"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    target = compiled(HOME)
    seed(corpus, dictionary)
    command = [
        *(str(target), *OPTIONS, f"-runs={runs}", f"-max_len={MAX_LENGTH}", f"-timeout={SECONDS}"),
        *(f"-rss_limit_mb={MEGABYTES}", f"-dict={dictionary}", f"-artifact_prefix={findings}/", str(corpus)),
    ]
    # The program's own complaints go where libFuzzer's words go: only its words are read.
    done = subprocess.run([*command, "-close_fd_mask=3"], stderr=subprocess.PIPE, text=True, errors="replace")
    found = sorted(set(findings.iterdir()) - before)
    for line in summary(done.stderr):
        say(line)
    for path in found:
        say(f"FINDING {path}; again by: {target} {path}")
    if done.returncode:
        say(done.stderr[-8000:])
    return int(bool(done.returncode or found))


def summary(words: str) -> list[str]:
    """Return the lines of a run's outcome, read in what libFuzzer has printed."""
    executed = re.findall(r"^stat::number_of_executed_units:\s+(\d+)", words, re.MULTILINE)
    speed = re.findall(r"^stat::average_exec_per_sec:\s+(\d+)", words, re.MULTILINE)
    edges = re.findall(r"\((\d+) inline 8-bit counters\)", words)
    reached = re.findall(r"^#\d+\t.* cov: (\d+) .* corp: (\d+)/", words, re.MULTILINE)
    lines = [f"{int(executed[-1]):,} inputs, {int(speed[-1]):,} in a second"] if executed and speed else []
    if edges and reached:
        (covered, kept), all_edges = map(int, reached[-1]), int(edges[0])
        lines.append(f"{covered:,} of {all_edges:,} edges of the code reached; {kept:,} inputs kept")
    return lines


if __name__ == "__main__":
    sys.exit(fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
