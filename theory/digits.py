"""Numbers as text, of any size; what is certified is rounded to the safe side."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

MOST = 10**15
_WIDE = Context(prec=40, Emax=MOST, Emin=-MOST)


def text_up(x: float, digits: int) -> str:
    """The least number of so many digits that is not below x."""
    return _text(x, digits, ROUND_CEILING)


def text_down(x: float, digits: int) -> str:
    """The largest number of so many digits that is not above x."""
    return _text(x, digits, ROUND_FLOOR)


def text_of(log: float, digits: int = 8) -> str:
    """exp(log) in so many digits; empty for nan."""
    return "" if math.isnan(log) else _of_log(log, digits, ROUND_HALF_EVEN)


def upper_text(upper: float, log: float, digits: int = 8) -> str:
    """A bound, from its logarithm (good to some roundings) where it is beyond floats; upwards."""
    if 0 < upper < math.inf or log == -math.inf:
        return text_up(upper, digits)
    return _of_log(log + 1e-14 * (1 + abs(log)), digits, ROUND_CEILING)


def _of_log(log: float, digits: int, rounding: str) -> str:
    if math.isinf(log):
        return "inf" if log > 0 else "0"
    return _rounded(_WIDE.exp(Decimal(log)), digits, rounding)


def _text(x: float, digits: int, rounding: str) -> str:
    return _rounded(Decimal(x), digits, rounding) if math.isfinite(x) else f"{x}"


def _rounded(value: Decimal, digits: int, rounding: str) -> str:
    context = Context(prec=digits, rounding=rounding, Emax=MOST, Emin=-MOST)
    found = context.create_decimal(value)
    return f"{found.normalize(context):g}" if -5 < found.adjusted() < digits else f"{found:g}"
