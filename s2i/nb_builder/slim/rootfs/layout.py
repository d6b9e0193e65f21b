"""The locations in the service image from which a slim image is made."""

from dataclasses import dataclass
from pathlib import Path

from nb_builder.common.workspace import Workspace


@dataclass(frozen=True)
class Layout:
    """Locations in the service image, and the `base` (scratch or shell) of the slim image."""

    app: Workspace
    home: Path
    certificates: Path | None
    base: str

    @property
    def service(self) -> Path:
        """Return the folder of the front's virtual environment."""
        return self.home / "service"

    @property
    def pythons(self) -> tuple[Path, Path]:
        """Return the front's Python and the model's."""
        return self.service / "bin" / "python", self.app.venv / "bin" / "python"
