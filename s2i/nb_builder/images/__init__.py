"""Untrusted images: reads their files as a stream, and runs their programs under controlled conditions."""
