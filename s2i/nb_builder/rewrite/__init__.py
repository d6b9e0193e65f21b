"""The two scripts that a notebook becomes: nbconvert exporters, one transform a file."""
