"""The parts of a slim image's file system other than packages."""
