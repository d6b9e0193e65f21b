"""Compares what two versions answered to the same samples, by the lines that nginx.conf has written.

Usage: docker compose logs --no-log-prefix proxy | python3 compare.py [--most SHARE] [--tolerance RELATIVE] [--json]

Lines of other forms are passed over. A sample with only one answer, because the log stops or its copy was
not made, is counted, but not compared. The exit status is 1 where a larger share than --most (0) differs, and 2 where
there is nothing to compare.
"""

import argparse
import json
import math
import sys

LIVE, SHADOW = "live", "shadow"
SHOWN = 10


def read(lines):
    """Return {id: {version: entry}} of the lines that are entries; of one id and version the first counts."""
    samples = {}
    for line in lines:
        try:
            entry = json.loads(line)
            samples.setdefault(entry["id"], {}).setdefault(entry["version"], entry)
        except (ValueError, TypeError, KeyError):
            continue
    return samples


def difference(one, other, tolerance):
    """Return None if two entries are the same, else the largest difference of their numbers, inf for other ones."""
    if one["status"] != other["status"]:
        return math.inf
    if one["answer"] == other["answer"]:
        return None
    try:
        values = json.loads(one["answer"]), json.loads(other["answer"])
    except ValueError:
        return math.inf
    return apart(*values, tolerance)


def apart(one, other, tolerance):
    """Return None where two JSON values are the same, up to a relative tolerance, else as `difference` does."""
    if type(one) is type(other) is list and len(one) == len(other):
        found = [apart(*pair, tolerance) for pair in zip(one, other, strict=True)]
    elif type(one) is type(other) is dict and one.keys() == other.keys():
        found = [apart(one[key], other[key], tolerance) for key in one]
    elif all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other)):
        return None if math.isclose(one, other, rel_tol=tolerance) else abs(one - other)
    else:
        return None if one == other and type(one) is type(other) else math.inf
    return max((each for each in found if each is not None), default=None)


def report(samples, tolerance):
    """Return the summary of all samples, as a JSON object."""
    pairs = {key: entries for key, entries in samples.items() if {LIVE, SHADOW} <= entries.keys()}
    found = {key: difference(both[LIVE], both[SHADOW], tolerance) for key, both in pairs.items()}
    differing = [key for key, size in found.items() if size is not None]
    finite = [size for size in found.values() if size is not None and size < math.inf]
    return {
        "compared": len(pairs),
        "only_live": sum(LIVE in entries for entries in samples.values()) - len(pairs),
        "only_shadow": sum(SHADOW in entries for entries in samples.values()) - len(pairs),
        "different": len(differing),
        "share": len(differing) / len(pairs) if pairs else None,
        "largest_difference": max(finite, default=0.0),
        "milliseconds": {version: middle(pairs, version) for version in (LIVE, SHADOW)},
        "examples": [{"id": key, **{each: pairs[key][each]["answer"] for each in (LIVE, SHADOW)}} for key in differing][
            :SHOWN
        ],
    }


def middle(pairs, version):
    """Return the median of the milliseconds that a version took, None of no pairs."""
    times = sorted(entries[version]["seconds"] for entries in pairs.values())
    return round(1000 * times[len(times) // 2], 1) if times else None


def as_text(said):
    """Return the report as lines for people."""
    times = said["milliseconds"]
    alone = f"{said['only_live']} by live and {said['only_shadow']} by shadow alone"
    lines = [f"{said['compared']} samples were answered by both, {alone}."]
    if said["compared"]:
        lines += [
            f"{said['different']} answers differ ({100 * said['share']:.2f} %).",
            f"The largest difference of numbers is {said['largest_difference']:g}.",
            f"The median took {times[LIVE]:g} ms live and {times[SHADOW]:g} ms in the shadow.",
        ]
    lines += [f"  {each['id']}: live {each[LIVE]}, shadow {each[SHADOW]}" for each in said["examples"]]
    return "\n".join(lines)


def main(arguments):
    """Read stdin, print the report, and return the exit status."""
    parser = argparse.ArgumentParser(description="Compare what two versions answered to the same samples.")
    parser.add_argument("--most", type=float, default=0.0, help="share of answers that may differ, from 0 to 1")
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference of numbers that are the same"
    )
    parser.add_argument("--json", action="store_true", help="print an object of JSON")
    options = parser.parse_args(arguments)
    said = report(read(sys.stdin), options.tolerance)
    print(json.dumps(said) if options.json else as_text(said))
    if not said["compared"]:
        return 2
    return 1 if said["share"] > options.most else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
