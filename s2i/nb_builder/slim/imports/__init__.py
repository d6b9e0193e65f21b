"""Which modules a service can import: by declaration, by source, by the model's own pickle."""
