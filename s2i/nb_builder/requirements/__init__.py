"""What a notebook requires: read from its cell and its repository's files, merged, locked."""
