"""The service: a front process that serves the scorers of one model."""
