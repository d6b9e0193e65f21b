"""What rooms of every phase share: settings, log, workspace, cells, digests. Nothing here knows a phase."""
