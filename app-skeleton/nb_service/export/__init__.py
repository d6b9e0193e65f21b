"""The model as one file that can be carried anywhere: what is in it, and its bytes."""
