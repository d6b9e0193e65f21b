"""What stays in a slim image and what is left out, and why."""
