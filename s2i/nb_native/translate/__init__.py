"""Translates predictor and validator, written in a small subset of Python, to C.

Functions are evaluated abstractly: models, constants and helpers at translation time, and everything that depends on
the sample in C. Code that can't be translated exactly is rejected, with its location.
"""

from nb_native.translate.program import Program, predictor, program, validator, whole

__all__ = ["Program", "predictor", "program", "validator", "whole"]
