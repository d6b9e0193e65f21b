"""What stays in a slim image and what goes, file by file, each with its reason."""
