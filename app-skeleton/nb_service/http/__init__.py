"""HTTP code shared by front and app: key, health checks, replies, metrics, log lines, spans."""
