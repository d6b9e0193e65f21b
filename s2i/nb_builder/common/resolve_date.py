"""S2I_RESOLVE_AS_OF: the date as of which requirements are resolved."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

SETTING = "S2I_RESOLVE_AS_OF"
AUTO = "auto"

# A value of the setting: AUTO, or the end of a day.
Value = str | datetime

_FORM = "a date such as 2024-06-01, or auto"


@dataclass(frozen=True)
class AsOf:
    """A moment in UTC and a description of its source: packages published later are ignored."""

    moment: datetime
    source: str

    @property
    def day(self) -> str:
        """Return the last day whose packages count, such as 2024-06-01."""
        return (self.moment - timedelta(seconds=1)).date().isoformat()

    @property
    def stamp(self) -> str:
        """Return the moment in the form that installers accept, such as 2024-06-02T00:00:00Z."""
        return self.moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read(value: str) -> Value:
    """Return the setting's value: AUTO, or the end of the given day; raise ValueError with the valid forms."""
    if value == AUTO:
        return AUTO
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError(_FORM)
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{_FORM} ({error})") from None
    return _end_of(day)


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + timedelta(days=1)
