"""Untrusted images: their files are read as a stream, and their programs run under controlled conditions."""
