"""Arrays of numbers reach the notebook's functions as what their JSON would be, and without being spelled as JSON."""

import io
import json

import numpy as np
import pytest

from contract.services import module_service

# Says what it was given, which the validator changes.
SAYS = """
    def said(x):
        return [repr(x), type(x[0]).__name__]

    def validator(x):
        if x[0] == 7:
            return False
        x[0] = None
        return True

    def predictor(x):
        if x[0] == 8:
            raise ValueError("eight")
        return said(x)

    def batch_predictor(xs):
        return [predictor(x) for x in xs]

    examples = [[1, 2], [3.5, 4]]
"""
WIDE = ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8")
KINDS = ["?", "i1", "u1", *("<" + kind for kind in WIDE), *(">" + kind for kind in WIDE)]
ROWS = [[0, 1], [1, 0], [1, 1], [100, 3]]


says = module_service(SAYS)


def npy(array):
    """Return an array as numpy saves it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def asked(service, array):
    """Return status and body for an array that is sent as npy, and for the JSON of the same."""
    status, said, _ = service.ask(npy(array), "/predict/batch", headers={"Content-Type": "application/x-npy"})
    # NaN and infinities are null.
    spelled = json.dumps(json.loads(json.dumps(array.tolist()), parse_constant=lambda word: None))
    as_json = service.ask(spelled, "/predict/batch", headers={"Content-Type": "application/json"})
    return (status, said), as_json[:2]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_every_type_are_what_their_json_is(says, kind):
    rows = np.array(ROWS).astype(kind)
    block, spelled = asked(says, rows)
    assert block == spelled
    assert block[0] == 200, block
    assert [one[0] for one in block[1]] == [repr(row) for row in rows.tolist()]


def test_what_is_not_finite_several_dimensions_and_columns_first(says):
    for rows in (
        np.array([[np.nan, 1.0], [np.inf, -np.inf], [1e308, 1e308]]),
        np.arange(3000, dtype="f4").reshape(-1, 5, 2) / 7 + 10,
        np.asfortranarray(np.arange(4000.0).reshape(-1, 2) + 10),
    ):
        block, spelled = asked(says, rows)
        assert block == spelled
        assert block[0] == 200
        assert len(block[1]) == len(rows)


def test_the_first_that_fails_is_named_by_its_place_in_the_body(says):
    rows = np.full((2500, 2), 5)
    rows[1700, 0] = 7
    block, spelled = asked(says, rows)
    assert block == spelled
    assert (block[0], block[1]["detail"]) == (422, "Sample 1701: The notebook's validator rejects this sample.")
    rows[1700, 0] = 8
    block, spelled = asked(says, rows)
    assert block == spelled
    assert block[0] == 500
    assert block[1]["detail"].startswith("Sample 1701: ")
