"""What the file system of a slim image holds alongside packages."""
