"""The notebook's environment: chooses its Python, installs its packages, and explains failures."""
