"""Traces which files the service uses during its selftest."""
