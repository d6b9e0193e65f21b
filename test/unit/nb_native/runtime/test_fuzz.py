"""What a client or user sends, mutated, does no harm: under sanitizers, and the same each time."""

import os
import random
import subprocess

from unit.nb_native.runtime import fuzzing

RANDOM = random.Random(14)
INPUTS = 20_000
# Of all inputs; the rest is shared by the other places.
REQUESTS = 0.5


def mutated(data):
    """Return bytes with some things done to them."""
    data = bytearray(data)
    for _ in range(RANDOM.randint(0, 4)):
        at, kind = RANDOM.randint(0, len(data)), RANDOM.randint(0, 4)
        if kind == 0:
            data[at:at] = RANDOM.choice(fuzzing.WORDS)
        elif kind == 1:
            del data[at : at + RANDOM.choice([1, 1, 5, 50])]
        elif kind == 2 and at < len(data):
            data[at] = RANDOM.randrange(256)
        elif kind == 3:
            data[at:at] = data[at : at + RANDOM.randint(1, 40)]
        else:
            data = data + bytearray(RANDOM.choice(fuzzing.SAMPLES))
    return bytes(data[:4000])


def test_mutated_requests_samples_and_words_do_no_harm(folder):
    program, report = folder / "fuzz", folder / "fuzz-report"
    options = [*fuzzing.COMPILED, "-DFROM_STDIN", "-fsanitize=address,undefined"]
    subprocess.run(["gcc", *options, *fuzzing.files(), "-o", program], check=True)
    inputs = []
    for _ in range(INPUTS):
        place = fuzzing.REQUESTS if RANDOM.random() < REQUESTS else RANDOM.choice(fuzzing.KINDS[1:])
        inputs.append(bytes([RANDOM.choice(place)]) + mutated(RANDOM.choice(fuzzing.SEEDS[place])))
    asked = b"".join(b"%d\n%b" % (len(one), one) for one in inputs)
    environ = {**os.environ, "ASAN_OPTIONS": f"log_path={report}", "UBSAN_OPTIONS": f"log_path={report}"}
    ended = subprocess.run([program], input=asked, capture_output=True, check=False, env=environ)
    reports = [path.read_text() for path in folder.glob("fuzz-report*")]
    assert (ended.returncode, reports, ended.stdout) == (0, [], b"%d\n" % INPUTS)
