"""Shared by the packages of all phases: settings, log, workspace, cells, digests. Depends on no phase."""
