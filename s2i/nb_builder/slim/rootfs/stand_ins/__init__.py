"""Programs that packages call and a slim image lacks, in Python."""
