"""Translate predictor and validator, written in a small subset of Python, to C.

Functions are evaluated abstractly: models, constants and helpers are evaluated at translation time; whatever depends on
the sample becomes C. Code that can't be followed exactly is rejected, with its location.
"""

from nb_native.translate.program import Program, predictor, program, validator, whole

__all__ = ["Program", "predictor", "program", "validator", "whole"]
