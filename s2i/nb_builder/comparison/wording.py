"""Shares in words, the same in all forms of the report."""


def percent(share: float) -> str:
    """Return a share as a percentage, with as many digits as it takes to tell it from none and from all."""
    text = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    is_rounded = (text == "0" and share > 0) or (text == "100" and share < 1)
    return f"{100 * share:.6g} %" if is_rounded else f"{text} %"
