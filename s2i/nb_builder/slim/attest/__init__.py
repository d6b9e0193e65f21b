"""Documents a slim image: its content, its licences, and the result of its verification."""
