"""Makes the two scripts of a notebook, by preprocessors of nbconvert: one transform per file."""
