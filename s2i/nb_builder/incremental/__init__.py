"""What one build reuses from the previous one: its environment, and its model if nothing changed."""
