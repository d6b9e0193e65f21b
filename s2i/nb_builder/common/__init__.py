"""Code shared by the packages of all phases: settings, log, workspace, cells, digests. It imports none of them."""
