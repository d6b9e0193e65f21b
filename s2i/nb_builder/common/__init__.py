"""What the packages of every phase share: settings, log, workspace, cells, digests. Nothing here depends on a phase."""
