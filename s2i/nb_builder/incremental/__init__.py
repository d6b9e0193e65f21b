"""What one build takes over from the one before: its environment, and its model where nothing changed."""
