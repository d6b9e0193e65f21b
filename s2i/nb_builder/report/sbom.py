"""The SBOM of a model: the packages of the notebook's environment, as CycloneDX."""

from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_service import identity

from nb_builder.common import installed
from nb_builder.common.workspace import Workspace
from nb_builder.slim.attest import sbom


def write(workspace: Workspace) -> None:
    """Write the SBOM to build/: the same bytes for the same environment and build date."""
    folders = (Path(folder) for folder in installed.site_packages(workspace.venv))
    components = sorted(sbom.python(folders), key=lambda component: component["bom-ref"])
    date = identity.version_of(manifest.read(workspace.model).get("built", ""))
    text = sbom.text(components, sbom.service(workspace.model), date)
    (workspace.build / paths.SBOM).write_text(text, encoding="utf-8")
