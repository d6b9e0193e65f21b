"""Documents a slim image: its contents, its licences, and the result of its verification."""
