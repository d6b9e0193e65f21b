"""What a run skipped, as a table for its last lines; `make test` prints one for all its runs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

import times

FILE = times.FILE.with_name("test-skipped.jsonl")


def record(lacks: Iterable[tuple[str, str]]) -> None:
    """Append what skipped tests lacked, and what provides it, for `make test`."""
    if FILE.parent.is_dir():
        with open(FILE, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(lack) + "\n" for lack in lacks)


def table(lacks: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of the table, nothing where no test was skipped."""
    counts = Counter(map(tuple, lacks))
    if counts:
        yield "Skipped tests: number, what is missing, and how to install it"
    for (what, fix), count in counts.most_common():
        first = fix.partition("\n")[0]
        yield f"{count:5}  {what}{': ' * bool(first)}{first}"


if __name__ == "__main__":
    if FILE.exists():
        print("\n".join(table(map(json.loads, FILE.read_text(encoding="utf-8").splitlines()))))
