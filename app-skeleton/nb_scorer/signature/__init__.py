"""What a signature of a model consists of: the files that it names, the statement on them, the bundle around it."""
