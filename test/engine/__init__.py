"""What image tests need and a machine may lack: a container engine, base images, s2i.

Found where there is one; where this is root on Debian, fetched and started, and stopped at the end.
"""
