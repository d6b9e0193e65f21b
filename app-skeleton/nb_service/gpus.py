"""Reads which GPUs this service may use from NVIDIA's management library (NVML), which is part of the driver."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

LIBRARY = "libnvidia-ml.so.1"
VISIBLE = "CUDA_VISIBLE_DEVICES"
# A process loads this when its code first uses CUDA, not when it imports a library that could.
CUDA = b"/libcuda.so"
# The folder, in a notebook's environment, of the libraries that NVIDIA publishes as dependencies.
NVIDIA = "lib/python*/site-packages/nvidia"


class Gpu(NamedTuple):
    """A GPU: its unique id, its product name, and its total and used memory in bytes."""

    uuid: str
    name: str
    memory: int
    used: int


class Gpus(NamedTuple):
    """The GPUs that a service may use: their names for CUDA, one per scorer, and their products.

    `missing` explains why there are none; "" if there are some.
    """

    names: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    missing: str = ""


NONE = Gpus()


def read() -> list[Gpu]:
    """Return all GPUs visible in this container; raise OSError with the driver's text if it fails."""
    # Raises OSError if there is no driver, without the tenth of a second that importing pynvml takes.
    ctypes.CDLL(LIBRARY)
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise OSError(str(error)) from error


def read_or_none() -> list[Gpu]:
    """Return all GPUs visible in this container; none while the driver does not respond."""
    try:
        return read()
    except OSError:
        return []


def _gpu(pynvml: ModuleType, index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    uuid, name = pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle)
    return Gpu(uuid, name, memory.total, memory.used)


def visible(environ: Mapping[str, str]) -> Gpus:
    """Return the GPUs that a process with this environment may use, as CUDA interprets CUDA_VISIBLE_DEVICES."""
    asked = environ.get(VISIBLE)
    names = None if asked is None else _listed(asked)
    if names == ():
        return Gpus(missing=f"{VISIBLE} hides them")
    try:
        gpus = read()
    except OSError as error:
        return Gpus(missing=str(error))
    if not gpus:
        return Gpus(missing="the driver shows none")
    return Gpus(names or tuple(gpu.uuid for gpu in gpus), tuple(gpu.name for gpu in gpus))


def _listed(value: str) -> tuple[str, ...]:
    """Return the GPUs in a value of CUDA_VISIBLE_DEVICES: CUDA uses those before the first invalid one."""
    names: list[str] = []
    for name in value.split(","):
        if name.strip() in ("", "-1"):
            break
        names.append(name.strip())
    return tuple(names)


def asked_for_by(pid: int) -> bool:
    """Return whether the process `pid` has initialised CUDA; False if the system does not reveal that."""
    try:
        with open(f"/proc/{pid}/maps", "rb") as maps:
            return CUDA in maps.read()
    except OSError:
        return False


def has_libraries(python: Path) -> bool:
    """Return whether the environment of the interpreter `python` has libraries that only a GPU can use."""
    return any(python.parent.parent.glob(NVIDIA))
