"""What commands of this machine take from an image: its files as a stream, and nothing by a program inside it."""
