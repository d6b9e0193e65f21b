"""Notes how many megabytes of the notebook's environment are useful only with a GPU."""

from collections.abc import Iterable
from contextlib import suppress

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.common.installed import Distribution, installed
from nb_builder.common.log import Log
from nb_builder.install.installer import Installer

MEGABYTE = 1e6
# {distribution: its variant of the same version and module, without GPU code}
TWINS = {"xgboost": "xgboost-cpu"}
# The prefix of libraries that NVIDIA publishes as dependencies of other packages.
GPU = "nvidia-"


def log_advice(installer: Installer, log: Log) -> None:
    """Log a note about GPU libraries, and about the variant without them if the index has the same version of it."""
    distributions = {distribution.name: distribution for distribution in installed(installer.venv)}
    for name in sorted(TWINS.keys() & distributions.keys()):
        gpu_libraries = _gpu_libraries(distributions[name], distributions)
        if gpu_libraries:
            log.note(_sentence(distributions[name], gpu_libraries, installer))


def sentences(distributions: Iterable[Distribution]) -> list[str]:
    """Return a sentence for each distribution in a slim image that has a variant without GPU code.

    The image has no GPU libraries, only the code that uses them. It has no index to query.
    """
    return [
        f"{distribution.name} {distribution.version}, {distribution.bytes / MEGABYTE:.0f} MB, contains code for GPUs. "
        f'"{_twin(distribution)}" in requirements, if the index has it, serves the same model on CPUs.'
        for distribution in distributions
        if distribution.name in TWINS and any(name.startswith(GPU) for name in _required(distribution))
    ]


def _twin(distribution: Distribution) -> str:
    return f"{TWINS[distribution.name]}=={distribution.version}"


def _gpu_libraries(distribution: Distribution, distributions: dict[str, Distribution]) -> list[Distribution]:
    """Return the GPU libraries that only `distribution` requires in the environment."""
    required_elsewhere = {
        name for other in distributions.values() if other is not distribution for name in _required(other)
    }
    return [
        distributions[name]
        for name in sorted(_required(distribution) - required_elsewhere)
        if name.startswith(GPU) and name in distributions
    ]


def _required(distribution: Distribution) -> set[str]:
    """Return the names of a distribution's requirements, regardless of their markers."""
    names: set[str] = set()
    for line in distribution.requires:
        # Old packages have requirements that PEP 508 doesn't allow, but none of them is for GPUs.
        with suppress(InvalidRequirement):
            names.add(canonicalize_name(Requirement(line).name))
    return names


def _sentence(distribution: Distribution, gpu_libraries: list[Distribution], installer: Installer) -> str:
    names = ", ".join(library.name for library in gpu_libraries)
    size = sum(library.bytes for library in gpu_libraries) / MEGABYTE
    sentence = (
        f"{distribution.name} {distribution.version} includes {names}, "
        f"{size:.0f} MB that a service without a GPU can't use."
    )
    twin = _twin(distribution)
    if installer.offers(twin):
        sentence += f' "{twin}" instead of "{distribution.name}=={distribution.version}" serves the same model on CPUs.'
    return sentence
