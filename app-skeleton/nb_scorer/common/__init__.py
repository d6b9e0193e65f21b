"""What every part of nb_scorer shares: the names of files, the shape of a problem, the mechanics of settings."""
