"""The model on disk: its functions, how to call them, its manifest. Shared by saving and loading."""
