"""Which lines of a table are numbers as JSON has them."""

import pytest
from nb_service.backends.batch import json_texts
from nb_service.protocols.rows import MAX_NUMBER


def test_a_wide_row_of_numbers_is_one_however_long_the_line():
    line = ",".join(["0.00390625"] * 784)
    assert len(line) > MAX_NUMBER
    assert json_texts.are_numbers([line, line], 784)


@pytest.mark.parametrize("digits", [MAX_NUMBER, MAX_NUMBER + 1])
def test_one_number_has_no_more_digits_than_python_reads(digits):
    line = ",".join(["1", "1" * digits, "2"])
    assert json_texts.are_numbers([line], 3) is (digits == MAX_NUMBER)
    assert json_texts.are_numbers(["1" * digits]) is (digits == MAX_NUMBER)
