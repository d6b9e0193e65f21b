"""The build: from a repository with a notebook to a verified model under one folder."""
