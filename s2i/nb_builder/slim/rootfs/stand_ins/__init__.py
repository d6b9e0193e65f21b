"""Python replacements of programs that packages call and a slim image lacks."""
