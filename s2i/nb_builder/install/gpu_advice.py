"""Says which megabytes of the notebook's environment are of use on a GPU alone."""

from collections.abc import Iterable
from contextlib import suppress

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.common.installed import Distribution, installed
from nb_builder.common.log import Log
from nb_builder.install.installer import Installer

MEGABYTE = 1e6
# {distribution: its twin of the same version and the same module, without what only a GPU can use}
TWINS = {"xgboost": "xgboost-cpu"}
# The first letters of all that NVIDIA publishes for other packages to depend on.
GPU = "nvidia-"


def tell(installer: Installer, log: Log) -> None:
    """Note what a service without a GPU can't use, and its twin, if the index has that in the same version."""
    held = {each.name: each for each in installed(installer.venv)}
    for name in sorted(TWINS.keys() & held.keys()):
        brought = _brought(held[name], held)
        if brought:
            log.note(_words(held[name], brought, installer))


def sentences(kept: Iterable[Distribution]) -> list[str]:
    """Return what to say of the `kept` distributions of a slim image: those with a twin and GPU libraries to need.

    The libraries have gone, the code for them has not. No index can be asked there.
    """
    return [
        f"{one.name} {one.version}, {one.bytes / MEGABYTE:.0f} MB, has code for GPUs in it. "
        f'"{_twin(one)}" in requirements, where the index has that, serves the same model on CPUs.'
        for one in kept
        if one.name in TWINS and any(name.startswith(GPU) for name in _required(one))
    ]


def _twin(one: Distribution) -> str:
    return f"{TWINS[one.name]}=={one.version}"


def _brought(by: Distribution, held: dict[str, Distribution]) -> list[Distribution]:
    """Return the GPU libraries that `by` requires and nothing else in the environment."""
    others = {name for other in held.values() if other is not by for name in _required(other)}
    return [held[name] for name in sorted(_required(by) - others) if name.startswith(GPU) and name in held]


def _required(one: Distribution) -> set[str]:
    """Return the names of what a distribution requires, under whatever conditions."""
    names: set[str] = set()
    for line in one.requires:
        # Old packages write what PEP 508 does not allow; none of those is for GPUs.
        with suppress(InvalidRequirement):
            names.add(canonicalize_name(Requirement(line).name))
    return names


def _words(one: Distribution, brought: list[Distribution], installer: Installer) -> str:
    names = ", ".join(each.name for each in brought)
    size = sum(each.bytes for each in brought) / MEGABYTE
    words = f"{one.name} {one.version} brings {names}, {size:.0f} MB that a service without a GPU can't use."
    twin = _twin(one)
    if installer.offers(twin):
        words += f' "{twin}" in place of "{one.name}=={one.version}" serves the same model on CPUs.'
    return words
