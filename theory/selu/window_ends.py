r"""The quotient nu~(0, x) / x for small and for large x, where a search in x has no end.

omega = 0, so y = 0 and h(x) = nu~(0, x) / x has the limits of claim C13.  With r = sqrt(x),
v = r / sqrt 2 and entire functions

    E(v) = (1 - erfcx(v)) / v                       = -sum_{k>=1} (-1)^k v^{k-1} / Gamma(k/2 + 1),
    D(v) = (erfcx(2v) - 2 erfcx(v) + 1) / v^2       =  sum_{k>=2} (-1)^k (2^k - 2) v^{k-2} / (same),
    h / scale^2 = 1/2 + alpha^2 D / 4 - (1 / sqrt(2 pi) - alpha E / (2 sqrt 2))^2.

With s = 1 / sqrt(x), e = erfcx(1 / (s sqrt 2)) / 2 and e2 = erfcx(sqrt 2 / s) / 2,

    h / scale^2 = 1/2 + alpha^2 s^2 (e2 - 2e + 1/2) - (1 / sqrt(2 pi) + alpha s (e - 1/2))^2,

where 1 - 1/(2t^2) <= t sqrt(pi) erfcx(t) <= 1 and erfcx' = 2t erfcx - 2/sqrt(pi) bound e and de/ds.
The quotient falls in x if h falls in r, and if it rises in s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from flint import arb

from theory.rigor.balls import ball
from theory.rigor.statements import Domain, Goal, Parameters
from theory.selu.goals import constants

TERMS = 12
LARGEST = Fraction(1, 5)
"""Both r and s stay below it: then v < 1/4, where the omitted terms sum to < twice the first."""


def goals(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    """The quotient falls for r = sqrt(x) and for s = 1 / sqrt(x) in their ranges."""
    for name in ("r", "s"):
        low, high = domain[name]
        if low < 0 or high > LARGEST:
            raise ValueError(f"the range of {name} must lie in [0, 1/5], not [{low}, {high}].")
    alpha = constants(parameters).alpha

    def small(box: tuple[arb, ...]) -> Sequence[arb]:
        v = box[0] / arb(2).sqrt()
        half = alpha / arb(8).sqrt()
        e, de, dd = _sum(v, -1, 1, 0), _sum(v, -1, 1, 1), _sum(v, 1, 2, 1)
        mean = 1 / _root() - half * e
        return (-(alpha * alpha * dd / 4 + 2 * mean * half * de),)

    def large(box: tuple[arb, ...]) -> Sequence[arb]:
        (s,) = box
        unit = 1 / _root()
        e, e2 = (unit * s / k * ball(1 - high * high / k**2, Fraction(1)) for k in (1, 2))
        de, de2 = (unit / k * ball(Fraction(0), Fraction(1)) for k in (1, 2))
        mean = unit + alpha * s * (e - arb("0.5"))
        second = 2 * s * (e2 - 2 * e + arb("0.5")) + s * s * (de2 - 2 * de)
        return (alpha * alpha * second - 2 * mean * alpha * (e - arb("0.5") + s * de),)

    high = domain["s"][1]
    return (
        Goal("small variances", (domain["r"],), small),
        Goal("large variances", (domain["s"],), large),
    )


def _root() -> arb:
    return (2 * arb.pi()).sqrt()


def _sum(v: arb, sign: int, first: int, derivative: int) -> arb:
    """sign sum_{k >= first} (-1)^k c_k v^{k-first} / Gamma(k/2 + 1), or its first derivative.

    c_k = 1 for first = 1 and 2^k - 2 for first = 2.
    """
    weight: Callable[[int], int] = (lambda k: 1) if first == 1 else (lambda k: 2**k - 2)

    def term(k: int) -> arb:
        power = k - first
        factor = power if derivative else 1
        exponent = max(0, power - derivative)
        powered = arb(1)
        for _ in range(exponent):
            powered = powered * v
        value: arb = powered * (factor * weight(k) * (-1) ** k) / (arb(k) / 2 + 1).gamma()
        return value

    total = sum((term(k) for k in range(first, first + TERMS)), arb(0))
    rest = 2 * abs(term(first + TERMS)).upper()
    return sign * (total + arb(0, 1) * rest)
