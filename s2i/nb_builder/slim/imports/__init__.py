"""Which modules a service may import: by declaration, by source, by the model's own pickle."""
