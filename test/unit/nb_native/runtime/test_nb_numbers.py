"""Decimal text to double and back, held to Python's float and repr."""

import decimal
import math
import random
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.nb_native.runtime import programs

RANDOM = random.Random(14)


def bits_of(number):
    """Return a double's bits."""
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def double_of(bits):
    """Return the double of these bits."""
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


@pytest.fixture(scope="module")
def read(folder):
    """Return a function that gives, for each text, the bits of its double and the text that is made of that."""
    program = programs.tool(folder, "numbers_tool", "nb_numbers.c")

    def ask(texts):
        asked = "".join(text + "\n" for text in texts)
        answer = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
        return [line.split(" ") for line in answer.stdout.splitlines()]

    return ask


def check(read, texts):
    """Assert that each text is read, and its double written, as Python does."""
    wanted = []
    for text in texts:
        number = float(text)
        wanted.append([f"{bits_of(number):016x}", repr(number) if math.isfinite(number) else ""])
    different = [
        (text, mine, python) for text, mine, python in zip(texts, read(texts), wanted, strict=True) if mine != python
    ]
    assert different == []


def finite(bits):
    """Return the texts of the doubles of these bits, of those that are numbers."""
    numbers = [double_of(one) for one in bits]
    return [repr(number) for number in numbers if math.isfinite(number)]


def test_any_double_is_read_and_written_as_python_does(read):
    check(read, finite(RANDOM.getrandbits(64) for _ in range(100_000)))


def test_powers_of_two_and_their_neighbours_are_read_and_written_as_python_does(read):
    powers = [bits_of(2.0**exponent) for exponent in range(-1074, 1024)]
    check(read, finite(bits + off for bits in powers for off in (-1, 0, 1) if bits + off >= 0))


def test_doubles_of_usual_sizes_are_written_as_python_does_on_both_sides_of_what_128_bits_hold(read):
    # What 128 bits hold goes from 10^-19 to 10^35; single precision is what XGBoost answers with.
    check(read, [repr(10 ** RANDOM.uniform(-22, 37)) for _ in range(50_000)])
    check(read, [repr(struct.unpack("<f", struct.pack("<f", RANDOM.random()))[0]) for _ in range(20_000)])


def test_decimals_of_any_length_are_read_as_python_does(read):
    def digits():
        return "".join(RANDOM.choices("0123456789", k=RANDOM.randint(1, 30)))

    texts = [
        f"{RANDOM.choice(['', '-'])}{int(digits())}{RANDOM.choice(['', '.' + digits()])}"
        f"{RANDOM.choice(['', f'e{RANDOM.randint(-345, 330)}', 'E+5', 'e-05'])}"
        for _ in range(50_000)
    ]
    check(read, texts)


def test_what_is_halfway_goes_to_the_even_double_and_a_digit_more_decides_it(read):
    texts = []
    with decimal.localcontext() as context:
        context.prec = 1200
        while len(texts) < 6000:
            low, high = (double_of((RANDOM.getrandbits(64) & ~(1 << 63)) + off) for off in (0, 1))
            if not math.isfinite(low) or not math.isfinite(high):
                continue
            low = double_of(bits_of(high) - 1)
            half = (decimal.Decimal(low) + decimal.Decimal(high)) / 2
            least = decimal.Decimal(10) ** (half.adjusted() - 1100)
            texts += [format(half, "f"), format(half + least, "e"), format(half - least, "e")]
    check(read, texts)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
def test_what_hypothesis_finds_is_read_and_written_as_python_does(read, numbers):
    check(read, [repr(number) for number in numbers])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5", "5.0"),
        ("-0.0", "-0.0"),
        ("1e16", "1e+16"),
        ("1e-5", "1e-05"),
        ("0.0001", "0.0001"),
        ("9999999999999998", "9999999999999998.0"),
        ("1e23", "1e+23"),
        ("9007199254740993", "9007199254740992.0"),
        ("1.7976931348623158e308", "1.7976931348623157e+308"),
        ("1.7976931348623159e308", ""),
        ("1e999999999999999999999", ""),
        ("0e999999999999999999999", "0.0"),
        ("1e-999999999999999999999", "0.0"),
        ("2.4703282292062327e-324", "0.0"),
        ("2.4703282292062328e-324", "5e-324"),
        ("0." + "0" * 5000 + "1e5000", "0.1"),
        ("1" + "0" * 5000 + "e-5000", "1.0"),
        ("1" * 5000 + "e-5000", "0.1111111111111111"),
    ],
)
def test_the_layout_is_that_of_repr(read, text, written):
    assert read([text])[0][1] == written
    check(read, [text])
