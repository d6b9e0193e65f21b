"""The model on disk: its functions, how they are asked, its manifest. Shared by what saves it and what loads it."""
