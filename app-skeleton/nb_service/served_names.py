"""Checks a service's model names at the start, so that no request reaches a model with another name."""

from nb_service import identity, problems
from nb_service.model_folder import ModelFolder
from nb_service.protocols import mcp
from nb_service.settings import Settings

# These back ends use only the default predictor.
ONLY_DEFAULT = ("bus", "spark-model", "zipapp")


def check(model: ModelFolder, settings: Settings, back_end: str) -> None:
    """Raise DefaultMissing if a back end needs a predictor that the notebook lacks, or ModelNameTaken."""
    names = list(model.manifest.get("predictors") or {})
    if not names:
        return
    if not model.has_default:
        if back_end in ONLY_DEFAULT:
            raise problems.DefaultMissing(back_end, names)
        return
    served = identity.read_identity(model, settings.model_name)
    # A tool's name allows fewer characters.
    for name in (served.name, mcp.tool_name(served)):
        if name in names:
            raise problems.ModelNameTaken(name)
