"""Shared objects: what they need, without symbols, each once."""
