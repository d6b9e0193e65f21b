"""Fixtures of the contract's tests and of the images', which hold here, too."""

from contract.conftest import model_cache
from image.conftest import build_once, builder, engine, example, s2i

__all__ = ["build_once", "builder", "engine", "example", "model_cache", "s2i"]
