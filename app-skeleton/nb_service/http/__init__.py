"""What front and app share of HTTP: key, health checks, replies, metrics, the log's lines, spans."""
