"""What is told to those who watch a service: the table of its metrics, and board and rules that are made of it."""
