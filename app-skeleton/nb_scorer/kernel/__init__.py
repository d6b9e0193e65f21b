"""Code that runs in a notebook's kernel during a build: it records calls and saves the model."""
