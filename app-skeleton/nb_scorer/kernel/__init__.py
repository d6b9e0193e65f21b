"""What runs in a notebook's kernel during a build: watches its calls, and saves its model."""
