"""The notebook's requirements: read from its cell and the files of its repository, merged and locked."""
