"""What every life of nb_scorer shares: names of files, the shape of a problem, the mechanics of settings."""
