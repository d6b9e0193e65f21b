import pytest
from nb_builder.common import resolve_date


@pytest.mark.parametrize("text", ["2023-02-29", "1.6.2024", "2024-06-01T00:00:00Z", "yesterday"])
def test_anything_else_is_rejected_with_the_form(text):
    with pytest.raises(ValueError, match="a date such as 2024-06-01, or auto"):
        resolve_date.read(text)
