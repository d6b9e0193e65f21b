"""HTTP code shared by front and app: API key, health checks, replies, metrics, log lines, spans."""
