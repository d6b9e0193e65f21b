"""What says of a slim image what is in it and that it answers alike."""
