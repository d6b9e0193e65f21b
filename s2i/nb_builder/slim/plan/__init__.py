"""Plans which files a slim image keeps, and which it leaves out, with the reasons."""
