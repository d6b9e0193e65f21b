"""The program for aarch64: under qemu, it says the same as the one for x86-64, byte by byte."""

import json
import random
import struct
import subprocess

import numpy as np
import pytest
from nb_native.code import Code
from nb_native.estimators import emit
from nb_native.runtime import build
from nb_native.values import Number, Vector

from contract.wire import Wire, get, post
from engine import provide
from unit.nb_native.estimators.stand_ins import Booster, random_tree
from unit.nb_native.runtime import programs

RANDOM = random.Random(14)
SAMPLES = 5000
MAX_SIZE = 27_200
CHUNKED = (
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
)
BOOSTED = """
#include "nb_native.h"
#include "nb_math.h"

int nb_validate(const nb_value *sample, nb_text *reason)
{{
    (void)reason;
    return sample->count == 4 ? NB_OK : NB_REFUSED;
}}

{tables}

int nb_predict(const nb_value *sample, nb_output *answer)
{{
    double x[4];
    for (uint32_t i = 0; i < 4; i++)
        if (!nb_as_number(nb_item(sample, i), &x[i]))
            return NB_FAILED;
{lines}
    nb_write_double(answer, {margin});
    return NB_OK;
}}
"""


class Both:
    """A model's programs: `here` for this machine, `there` a script that has qemu run the one for aarch64."""

    def __init__(self, folder, source):
        """Compile both."""
        gcc = provide.program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "linux-libc-dev-arm64-cross")
        qemu = provide.program("qemu-aarch64-static", "qemu-user-static")
        self.here, self.program = folder / f"{source.stem}-here", folder / f"{source.stem}-aarch64"
        build.build([source], self.here)
        build.build([source], self.program, gcc, more=("-Wall", "-Wextra", "-Werror"))
        self.there = folder / f"{source.stem}-under-qemu"
        self.there.write_text(f'#!/bin/sh\nexec {qemu} {self.program} "$@"\n')
        self.there.chmod(0o755)

    def ended(self, *arguments, said=b"", **env):
        """Return (exit status, output, errors), which must be the same of both."""
        one, other = (
            subprocess.run([path, *arguments], input=said, capture_output=True, env=env, timeout=60, check=False)
            for path in (self.here, self.there)
        )
        assert (other.returncode, other.stderr) == (one.returncode, one.stderr)
        assert other.stdout.splitlines() == one.stdout.splitlines()
        return one.returncode, one.stdout, one.stderr


@pytest.fixture(scope="module")
def kmeans(folder):
    """Return the running example's programs."""
    return Both(folder, programs.HERE / "kmeans.c")


@pytest.fixture(scope="module")
def echo(folder):
    """Return the programs whose model answers with the sample."""
    return Both(folder, programs.HERE / "echo.c")


def lines(samples):
    """Return samples as lines of JSON."""
    return "".join(json.dumps(sample) + "\n" for sample in samples).encode()


def any_double():
    """Return a number of any size, and often one that a model is asked."""
    kind = RANDOM.random()
    if kind < 0.4:
        return RANDOM.gauss(0, 3)
    if kind < 0.5:
        return RANDOM.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e308, 5e-324, 2.0**-1022, 88.5, -745.0])
    number = struct.unpack("<d", struct.pack("<Q", RANDOM.getrandbits(64)))[0]
    # JSON has neither infinity nor NaN.
    return number if abs(number) < float("inf") else 1.0


def test_the_running_example_is_small_and_fits_pages_of_64_kilobytes(kmeans):
    program = kmeans.program.read_bytes()
    assert len(program) <= MAX_SIZE
    aarch64, page = 183, 1 << 16
    assert struct.unpack_from("<H", program, 18)[0] == aarch64
    at, size, count = struct.unpack_from("<Q", program, 32)[0], *struct.unpack_from("<HH", program, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", program, at + size * number) for number in range(count)]
    loaded = [(offset, address, length) for kind, _, offset, address, _, _, length, _ in segments if kind == 1]
    assert all(offset % page == address % page for offset, address, _ in loaded)
    # Code and data are on pages of their own.
    (_, code, length), (_, data, _) = loaded
    assert (code + length - 1) // page < data // page


def test_arguments_are_answered(kmeans):
    assert kmeans.ended("0.2", "0.7")[:2] == (0, b"0\n")
    assert kmeans.ended("[6.5, 7]")[:2] == (0, b"5\n")
    assert kmeans.ended("1")[0] == 1
    assert kmeans.ended("--port")[0] == 2
    assert kmeans.ended("--help")[0] == 0
    assert kmeans.ended(PORT="x")[0] == 2


def test_lines_have_the_same_answers(kmeans):
    status, answers, _ = kmeans.ended("-", said=lines([any_double(), any_double()] for _ in range(SAMPLES)) + b"x\n[1]")
    assert status == 1
    assert {line.decode() for line in answers.splitlines()[:SAMPLES]} == set("0123456")


def test_all_that_json_has_is_read_and_written_alike(echo):
    samples = [[any_double() for _ in range(20)] for _ in range(SAMPLES // 10)]
    samples += [RANDOM.getrandbits(53) for _ in range(100)]
    samples += ['é€😀\n"\\', {"a": [None, True, False, {"b": []}]}, {"refuse": "nein: ä"}, {"fail": 1}, {"raise": 1}]
    wrong = b'[1,\n{"a":}\n"\xff"\n"\\ud800"\n1e400\n9007199254740993\n\x80\n\xe1\xc1\n'
    assert echo.ended("-", said=lines(samples) + wrong)[0] == 1


def test_mathematics_have_the_same_bits(folder):
    mathematics = Both(folder, programs.HERE / "mathematics.c")
    status, answers, _ = mathematics.ended("-", said=lines([any_double(), any_double()] for _ in range(SAMPLES)))
    assert status == 0
    assert len(set(answers.splitlines())) > SAMPLES * 0.9


def test_trees_of_single_precision_have_the_same_bits(folder):
    dice = np.random.default_rng(1)
    booster = Booster([random_tree(dice, 4, 4, dice.normal) for _ in range(30)], 1, "reg:squarederror", 0.5)
    code = Code()
    row = Vector(tuple(Number(f"x[{place}]", "float64") for place in range(4)), "array")
    margin = emit(code, booster, "inplace_predict", Vector((row,), "array")).items[0]
    source = folder / "boosted.c"
    source.write_text(BOOSTED.format(tables="\n".join(code.tables), lines="\n".join(code.lines), margin=margin.code))
    rows = [[RANDOM.gauss(0, 2) if RANDOM.random() < 0.9 else any_double() for _ in range(4)] for _ in range(SAMPLES)]
    status, answers, _ = Both(folder, source).ended("-", said=lines(rows))
    assert status == 0
    found = [json.loads(line) for line in answers.splitlines()]
    with np.errstate(over="ignore"):
        assert found == booster.inplace_predict(np.array(rows)).astype(float).tolist()


def test_it_serves_and_ends_when_it_is_reported(echo):
    with programs.Served(echo.there, S2I_MAX_BODY="4000000") as served:
        with Wire(served) as wire:
            assert wire.send(post(b"[0.1, -5, 1e300]")).answer().body == b"[0.1, -5, 1e+300]"
            assert wire.send(CHUNKED).answer().body == b"[1, 2]"
            assert wire.send(get(b"/readyz")).answer().status == 200
            assert wire.send(post(b'{"refuse": "no"}')).answer().status == 422
            assert wire.send(post(b'{"fail": 1}')).answer().status == 500
            # Large ones have their pages given back.
            large = b"[" + b"1, " * 60_000 + b"1]"
            assert [wire.send(post(large)).answer().body for _ in range(2)] == [large] * 2
            assert b'nb_http_requests_total{status="500"} 1\n' in wire.send(get(b"/metrics")).answer().body
        with Wire(served) as wire:
            assert wire.send(b"GET / HTTP/9.9\r\n\r\n").answer().status in {400, 505}
            assert wire.rest() == b""
        assert served.end() == (0, "")
