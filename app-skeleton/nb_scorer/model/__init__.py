"""The model on disk: its functions, how they are asked, its manifest. What saves it and what loads it share this."""
