"""Determines which modules a service may import: by declaration, by source, and by the model's own pickle."""
