"""The setting S2I_PARAMETERS: a JSON object with parameter values."""

import json
import keyword
import math


def read(text: str) -> dict[str, object]:
    """Return the JSON object in `text`; raise ValueError with a description of a valid value."""
    try:
        values = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a JSON object ({error})") from None
    if not isinstance(values, dict):
        raise ValueError('a JSON object, such as {"alpha": 0.1}')  # noqa: TRY004 - readers of settings raise ValueError
    for name in values:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"a JSON object of Python names ({name!r} is none)")
    _require_finite(values)
    return values


def _no_number(token: str) -> object:
    raise ValueError(f"{token} is not JSON")


def _require_finite(value: object) -> None:
    """Raise ValueError for a number such as 1e999, which Python can't write as a literal."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a JSON object of numbers that a float can hold")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_finite(item)
