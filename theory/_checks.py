"""Checks of arguments shared by the theory modules."""

import math
import operator

import numpy as np


def whole(value: object, name: str) -> int:
    """`value` as a Python int >= 1; ValueError naming `name` otherwise."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # the point is to find out
    except TypeError:
        number = 0
    if isinstance(value, bool | np.bool_) or number < 1:
        raise ValueError(f"{name} must be a whole number >= 1, not {value!r}.")
    return number


def real(value: object, name: str) -> float:
    """`value` as a finite float; ValueError naming `name` otherwise."""
    try:
        number = float(value)  # type: ignore[arg-type]  # the point is to find out
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, not {value!r}.")
    return number


def nonnegative(value: object, name: str = "time", at_most: float = math.inf) -> float:
    """`value` as a finite float in [0, at_most]; ValueError naming `name` otherwise."""
    number = real(value, name)
    if number < 0:
        raise ValueError(f"{name} must be >= 0, not {value!r}.")
    if number > at_most:
        raise ValueError(f"{name} must be <= {at_most:g} here, not {value!r}.")
    return number


def correlation(value: object, name: str = "c0") -> float:
    """`value` as a float in [-1, 1]; ValueError naming `name` otherwise."""
    c = real(value, name)
    if not -1 <= c <= 1:
        raise ValueError(f"{name} must be between -1 and 1, not {value!r}.")
    return c
