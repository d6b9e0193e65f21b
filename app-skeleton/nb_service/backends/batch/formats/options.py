"""How an input is to be read, as far as formats need to know."""

from typing import NamedTuple

from nb_service.protocols.rows import Rows


class ReadOptions(NamedTuple):
    """The words about reading: `header` is "present", "absent" or None, as in csv_body; "" and None are to be found."""

    rows: Rows
    header: str | None = None
    delimiter: str = ""
    encoding: str = ""
    # The columns that are needed; None for all. A format that reads by columns leaves out the others.
    columns: tuple[str, ...] | None = None
