"""All that can be found before anything is installed, and what is asked of an environment before the first cell."""
