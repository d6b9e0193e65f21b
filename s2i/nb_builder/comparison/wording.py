"""Formats percentages in the same way for all forms of the report."""


def percent(share: float) -> str:
    """Return a share as a percentage, with enough digits to distinguish it from 0 % and 100 %."""
    text = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    is_rounded = (text == "0" and share > 0) or (text == "100" and share < 1)
    return f"{100 * share:.6g} %" if is_rounded else f"{text} %"
