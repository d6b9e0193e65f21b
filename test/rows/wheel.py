"""Packs rows.py as a wheel, the same bytes each time: `python test/rows/wheel.py` puts it where fixtures have it."""

import io
import zipfile
from pathlib import Path

NAME = "rows-1.0-py3-none-any.whl"
FIXTURES = Path(__file__).parents[1] / "fixtures"
_INFO = "rows-1.0.dist-info/"
_DAY = (2020, 1, 1, 0, 0, 0)


def packed() -> bytes:
    """Return the bytes of the wheel."""
    files = {
        "rows.py": Path(__file__).with_name("rows.py").read_text(encoding="utf-8"),
        _INFO + "METADATA": "Metadata-Version: 2.1\nName: rows\nVersion: 1.0\n",
        _INFO + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[_INFO + "RECORD"] = "".join(f"{name},,\n" for name in [*files, _INFO + "RECORD"])
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY), text)
    return wheel.getvalue()


def places() -> list[Path]:
    """Return where fixtures have the wheel."""
    return sorted(FIXTURES.glob(f"*/repo/{NAME}"))


if __name__ == "__main__":
    for place in places():
        place.write_bytes(packed())
