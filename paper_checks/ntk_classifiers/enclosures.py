r"""Kernels and their limits in ball arithmetic: proven enclosures, by other ways than the theory.

Everything here is plain iteration of D from a correlation x at hundreds of bits, where the theory
uses double precision and stable forms.  For the limits the remainder is bounded, with a = D'(0),
B' = D'(1) and nonnegative coefficients that sum to 1:

    h a^n/x_n in [1, exp((1 - a)/a x_n/(1 - rho))],   rho = D(x_n)/x_n                Koenigs
    Phi(delta)/delta in [1, exp(2 K delta rho/(1 - rho))],
        K = D''(1)/(2 B'),  rho = 1/(B' (1 - K delta))                                at delta = 0

Called within `theory.rigor.balls.precision`; numbers are exact texts, fractions or balls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, arb_poly

from theory.prediction import Prediction
from theory.rigor.balls import ball, exact

PHASES = 16


@dataclass(frozen=True, eq=False)
class Enclosed:
    """D and D' on balls, and D''(1)."""

    value: Callable[[arb], arb]
    slope: Callable[[arb], arb]
    bend: arb

    @property
    def rate(self) -> arb:
        """A = D'(0), the square of E phi'."""
        return self.slope(arb(0))

    @property
    def chaos(self) -> arb:
        """B' = D'(1)."""
        return self.slope(arb(1))

    @property
    def exponent(self) -> arb:
        """Alpha = -2 log D'(0)/log D'(1)."""
        return -2 * self.rate.log() / self.chaos.log()


def polynomial(coefficients: Sequence[arb | Fraction | int | str]) -> Enclosed:
    """sum_k c_k x^k."""
    poly = arb_poly([c if isinstance(c, arb) else ball(exact(c)) for c in coefficients])
    slope = poly.derivative()
    return Enclosed(poly, slope, slope.derivative()(arb(1)))


def sine(a: arb) -> Enclosed:
    """sinh(a x)/sinh(a)."""
    scale = a.sinh()
    return Enclosed(lambda x: (a * x).sinh() / scale, lambda x: a * (a * x).cosh() / scale, a**2)


def erf() -> Enclosed:
    """asin(2x/3)/asin(2/3)."""
    c = ball(Fraction(2, 3))
    scale = c.asin()
    root = (1 - c**2).sqrt()
    return Enclosed(
        lambda x: (c * x).asin() / scale,
        lambda x: c / scale / (1 - (c * x) ** 2).sqrt(),
        c**3 / scale / root**3,
    )


def named(spec: str) -> Enclosed:
    """A series "1/2 0 1/2", "optimal:d", "sine:a", "sine for d" or "erf"."""
    family, _, parameter = spec.partition(":")
    if family == "erf":
        return erf()
    if family == "sine":
        return sine(ball(exact(parameter)))
    if spec.startswith("sine for "):
        return sine(sine_root(exact(spec.removeprefix("sine for "))))
    if family == "optimal" and parameter == "1":
        return polynomial([0, "1/2", 0, 0, 0, 0, 0, "1/2"])
    if family == "optimal":
        q = arb(2) ** (-ball(exact(parameter)) / 2)
        return polynomial([0, q, 1 - 2 * q, q])
    return polynomial(spec.split())


def sine_exponent(a: arb) -> arb:
    """2 log(sinh(a)/a)/log(a coth a)."""
    return 2 * (a.sinh() / a).log() / (a * a.coth()).log()


def sine_root(d: Fraction) -> arb:
    """The a between 1/8 and 64 where the exponent is d, by bisection with certain signs."""
    low, high, target = ball(Fraction(1, 8)), arb(64), ball(d)
    while True:
        middle = ((low + high) / 2).mid()
        value = sine_exponent(middle)
        if value < target:
            low = middle
        elif value > target:
            high = middle
        else:
            return low.union(high)


def kernels(dual: Enclosed, x: arb, depth: int) -> tuple[arb, arb]:
    """Sigma_L and K_L by the recursion."""
    sigma = tangent = x
    for _ in range(depth):
        slope = dual.slope(sigma)
        sigma = dual.value(sigma)
        tangent = sigma + tangent * slope
    return sigma, tangent


def koenigs(dual: Enclosed, x: arb) -> arb:
    """h(x) for 0 < x < 1."""
    a, factor = dual.rate, arb(1)
    small = arb(2) ** -160
    while not x < small:
        x, factor = dual.value(x), factor / a
    rho = dual.value(x) / x
    remainder = ((1 - a) / a * x / (1 - rho)).exp()
    return x * factor * arb(1).union(remainder)


def derivative(dual: Enclosed, x: arb) -> arb:
    """h'(x) = prod_j D'(x_j)/a, the tail within exp((B' - a)/a x_n/(1 - rho))."""
    a, product = dual.rate, arb(1)
    small = arb(2) ** -160
    while not x < small:
        x, product = dual.value(x), product * dual.slope(x) / a
    rho = dual.value(x) / x
    return product * arb(1).union(((dual.chaos - a) / a * x / (1 - rho)).exp())


def offset(dual: Enclosed, x: arb, first: int = 0, terms: int = 120) -> arb:
    """sum_{k >= first} a^-k (x_k h'(x_k) - h(x_k)); the tail beyond `terms` is left out.

    By h(D(x)) = a h(x) and its derivative a term is x_k h'(x)/prod_{j < k} D'(x_j) - h(x).
    """
    h, slope, total = koenigs(dual, x), derivative(dual, x), arb(0)
    for k in range(terms):
        if k >= first:
            total += x * slope - h
        x, slope = dual.value(x), slope / dual.slope(x)
    return total


def periodic_factor(dual: Enclosed, r: arb) -> arb:
    """R*(r) = h (2 Phi)^(alpha/2), to which R tends along r B'^(-n/2) (nearly), n -> infinity."""
    delta = r**2 / 2
    k = dual.bend / (2 * dual.chaos)
    rho = 1 / (dual.chaos * (1 - k * delta))
    phi = delta * arb(1).union((2 * k * delta * rho / (1 - rho)).exp())
    return koenigs(dual, 1 - delta) * (2 * phi) ** (dual.exponent / 2)


def phases(dual: Enclosed, count: int = PHASES) -> list[arb]:
    """R* at 1e-9 B'^(-k/(2 count)), k = 0, 1, ...: over one period."""
    top = ball(Fraction(1, 10**9))
    return [
        periodic_factor(dual, top * dual.chaos ** (-ball(Fraction(k, 2 * count))))
        for k in range(count)
    ]


def number(value: arb) -> Prediction:
    """A ball as a float and its error."""
    middle = float(value.mid())
    return Prediction(middle, float(value.rad()) + 2.0**-53 * abs(middle), "balls")


def at(r: str) -> arb:
    """The correlation 1 - r^2/2."""
    return ball(1 - exact(r) ** 2 / 2)
