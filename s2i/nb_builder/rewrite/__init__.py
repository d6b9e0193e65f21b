"""Generates the two scripts of a notebook with nbconvert preprocessors: one transform per file."""
