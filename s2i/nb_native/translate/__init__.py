"""Predictor and validator as C: the small part of Python that they are made of.

A function is evaluated abstractly: models, constants and helpers are known now, what depends on the sample becomes C.
What is not followed exactly is refused, with its place.
"""

from nb_native.translate.program import Program, predictor, program, validator, whole

__all__ = ["Program", "predictor", "program", "validator", "whole"]
