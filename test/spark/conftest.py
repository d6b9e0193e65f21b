"""Fixtures of the contract's tests, which hold here, too."""

from contract.conftest import model_cache

__all__ = ["model_cache"]
