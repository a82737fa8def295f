r"""Exact numbers in, balls out: what every proof needs besides its own formulas.

A number given as text is read exactly as a fraction; it is rounded, outwards, only where a proof
needs binary ends, and by integer arithmetic alone.  A dyadic (m, e) stands for m 2^e.  Functions
are evaluated on balls (Arb, through python-flint): [m +- r] contains the true value, and a
comparison such as `ball > 0` is True only when it holds for every number of the ball.
"""

from __future__ import annotations

import numbers
import operator
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from flint import arb, ctx, fmpq

Dyadic: TypeAlias = tuple[int, int]
"""(m, e) stands for the number m 2^e."""

MAX_LENGTH = 1000
MAX_EXPONENT = 1000
MAX_PLACES = 60

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?|[+-]?\d+/\d+", re.ASCII)
_LOCK = threading.RLock()


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Compute with `bits` binary digits inside the block.

    The precision of Arb belongs to the whole process, so a second thread waits for its turn.
    """
    with _LOCK, ctx.workprec(bits):
        yield


def exact(value: object, name: str = "a number") -> Fraction:
    """The fraction that "0.1", "1e-4", "3/7", an int, a Fraction or a float stands for.

    A float stands for its shortest decimal: 0.1 is 1/10 here, not the binary number beside it.
    Raises ValueError for NaN, infinity, and what is no number or absurdly long.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return Fraction(operator.index(value))
    if isinstance(value, str | Decimal) or hasattr(value, "__float__"):
        text = repr(value) if type(value) is float else str(value).strip()
        found = _NUMBER.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if found and abs(int((found[3] or "e0")[1:])) <= MAX_EXPONENT:
            head, _, below = text.partition("/")
            if not below:
                return Fraction(text)
            if int(below):
                return Fraction(int(head), int(below))
    shown = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}..."
    raise ValueError(f'{name} must be a number such as "0.1", "1e-4" or "3/7", not {shown}.')


def written(number: Fraction) -> str:
    """The text that `exact` reads back: a decimal where it ends soon, "p/q" otherwise."""
    p, q = number.numerator, number.denominator
    twos = (q & -q).bit_length() - 1
    fives = 0
    rest = q >> twos
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if rest != 1 or places > MAX_PLACES:
        return f"{p}/{q}"
    digits = str(abs(p) * 10**places // q).rjust(places + 1, "0")
    point = len(digits) - places
    return f"{'-' * (p < 0)}{digits[:point]}{'.' * (places > 0)}{digits[point:]}"


def outward(number: Fraction, bits: int, up: bool) -> Dyadic:
    """The nearest m 2^e at or beyond the number with at most `bits` digits in m, m odd or 0.

    Above it if `up`, below it otherwise; the number itself where that is possible.
    """
    p, q = number.numerator, number.denominator
    if p == 0:
        return 0, 0
    shift = bits - (abs(p).bit_length() - q.bit_length()) - 1
    top, bottom = (p << shift, q) if shift >= 0 else (p, q << -shift)
    return odd(-(-top // bottom) if up else top // bottom, -shift)


def odd(m: int, e: int) -> Dyadic:
    """The same number with an odd m, or (0, 0): one form for each dyadic."""
    if m == 0:
        return 0, 0
    zeros = (m & -m).bit_length() - 1
    return m >> zeros, e + zeros


def fraction(number: Dyadic) -> Fraction:
    """m 2^e as a fraction."""
    m, e = number
    return Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)


def ball(low: Fraction, high: Fraction | None = None) -> arb:
    """The hull of two exact numbers, or a ball around one, at the precision in force."""
    first = arb(fmpq(low.numerator, low.denominator))
    if high is None or high == low:
        return first
    return first.union(arb(fmpq(high.numerator, high.denominator)))


def ends(value: arb) -> tuple[Fraction, Fraction]:
    """The two exact ends of a ball; ValueError if it is not finite."""
    if not value.is_finite():
        raise ValueError(f"the ball {value} has no finite ends.")
    middle, radius = (fraction(_pair(part)) for part in (value.mid(), value.rad()))
    return middle - radius, middle + radius


def hull(first: arb, *others: arb) -> arb:
    """The smallest ball that is found around all the given ones."""
    for other in others:
        first = first.union(other)
    return first


def _pair(value: arb) -> Dyadic:
    m, e = value.man_exp()
    return int(m), int(e)
