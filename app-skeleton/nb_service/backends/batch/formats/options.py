"""The options for reading an input that formats need."""

from typing import NamedTuple

from nb_service.protocols.rows import Rows


class ReadOptions(NamedTuple):
    """Reading options: `header` is "present", "absent" or None, as in csv_body; "" and None mean detect it."""

    rows: Rows
    header: str | None = None
    delimiter: str = ""
    encoding: str = ""
    # The required columns; None for all. Columnar formats don't read the others.
    columns: tuple[str, ...] | None = None
