"""The user's repository: which of its files is the notebook, in whatever form, and what git says of it."""
