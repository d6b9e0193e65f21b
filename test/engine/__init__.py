"""What image tests need and a machine may lack: a container engine, base images, s2i.

A running one is used; otherwise, root on Debian fetches and starts one, and stops it at the end.
"""
