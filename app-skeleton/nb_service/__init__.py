"""The service: one front process that serves the scorers of one model."""
