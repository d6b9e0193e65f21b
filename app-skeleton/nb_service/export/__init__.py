"""The model as one portable file: its contents and its bytes."""
