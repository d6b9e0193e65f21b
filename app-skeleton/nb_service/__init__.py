"""The service: one front process that answers for the scorers of one model."""
