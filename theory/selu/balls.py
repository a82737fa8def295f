r"""SELU under a Gaussian input in ball arithmetic: enclosures over boxes of (y, x).

A neuron with weights w, omega = sum w_i and tau = sum w_i^2, receives z ~ N(y, x) with y = mu omega
and x = nu tau; the second argument is a variance.  With u = y / sqrt(2x), v = sqrt(x / 2) and
G = exp(-u^2),

    P  = E[1_{z>0}]        = erfc(-u) / 2          p = G / sqrt(2 pi x), the density of z at 0
    e  = E[e^z 1_{z<0}]    = G erfcx(u + v) / 2    e2 = E[e^{2z} 1_{z<0}] = G erfcx(u + 2v) / 2
    dP/dy = p,   dp/dy = -(y/x) p,   de/dy = e - p,   de2/dy = 2 e2 - p,

and every Gaussian expectation F(y, x) obeys dF/dx = 1/2 d^2F/dy^2, so the derivatives in y of the
mean and of the second moment of f(z) are all that is needed.

A `Jet` carries a function over a box (value at the centre, value and gradient over the box); its
enclosure is the mean-value form F(c) + grad F(box) (box - c), whose excess is quadratic in the
width of the box.  Rigour rests on Arb alone: each operation returns a ball that contains the exact
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb

from theory.rigor.balls import ball, precision

CONSTANT_BITS = 256
"""Precision of the constants, above that of any box, so that they never limit an enclosure."""


class Selu(NamedTuple):
    """f(z) = scale z for z > 0 and scale alpha (e^z - 1) for z <= 0, as balls."""

    scale: arb
    alpha: arb


class Blocks(NamedTuple):
    """P, p, e and e2 of the module's docstring, over one box."""

    positive: arb
    density: arb
    exponential: arb
    squared: arb


class Tower(NamedTuple):
    """Derivatives in y of E f(z) and of E f(z)^2, orders 0 to 4 or as many as were asked for."""

    mean: tuple[arb, ...]
    second: tuple[arb, ...]


def erfcx(t: arb) -> arb:
    """exp(t^2) erfc(t) of a narrow ball."""
    return (t * t).exp() * t.erfc()


def _erfcx_over(t: arb) -> arb:
    """`erfcx` of a wide ball: it falls, so its two ends are enough."""
    return erfcx(t.lower()).union(erfcx(t.upper()))


def blocks(y: arb, x: arb) -> Blocks:
    """P, p, e and e2 over the box (y, x), x > 0; exact up to rounding at a point.

    erfc and erfcx are monotone, hence taken at the two ends of their arguments.
    """
    root = (2 * x).sqrt()
    u, v = y / root, root / 2
    gauss = (-u * u).exp()
    half = gauss / 2
    density = gauss / (root * arb.const_sqrt_pi())
    if y.is_exact() and x.is_exact():
        positive = (-u).erfc() / 2
        return Blocks(positive, density, half * erfcx(u + v), half * erfcx(u + root))
    positive = ((-u.lower()).erfc()).union((-u.upper()).erfc()) / 2
    return Blocks(positive, density, half * _erfcx_over(u + v), half * _erfcx_over(u + root))


def constants(
    mean: Fraction, variance: Fraction, omega: Fraction = Fraction(0), tau: Fraction = Fraction(1)
) -> Selu:
    """The constants for which (mean, variance) is a fixed point at (omega, tau): claim C9.

    With A1 = yP + xp, B1 = e - 1 + P, A2 = (y^2 + x)P + yxp, B2 = e2 - 2e + 1 - P the moments are
    scale A1 + k B1 and scale^2 A2 + k^2 B2, k = scale alpha: a quadratic in the scale.  For the
    default target this is the paper's pair.  ValueError if there is no positive solution.
    """
    with precision(CONSTANT_BITS):
        m, v = ball(mean), ball(variance)
        y, x = m * ball(omega), v * ball(tau)
        positive, density, e, e2 = blocks(y, x)
        a1, b1 = y * positive + x * density, e - 1 + positive
        a2, b2 = (y * y + x) * positive + y * x * density, e2 - 2 * e + 1 - positive
        ratio = b2 / (b1 * b1)
        a, b, c = a2 + ratio * a1 * a1, -2 * ratio * m * a1, ratio * m * m - (v + m * m)
        scale = (-b + (b * b - 4 * a * c).sqrt()) / (2 * a)
        alpha = (m - scale * a1) / (b1 * scale)
    if not (scale > 0 and alpha > 0):
        raise ValueError(
            f"no SELU constants keep mean {mean} and variance {variance} at omega {omega} and "
            f"tau {tau}; take a target nearer to mean 0."
        )
    return Selu(scale, alpha)


def tower(y: arb, x: arb, selu: Selu, order: int = 4) -> Tower:
    """d^k/dy^k of E f(z) and of E f(z)^2 over the box, k = 0, ..., order <= 4."""
    scale, alpha = selu
    positive, p, e, e2 = blocks(y, x)
    negative = 1 - positive
    first = y * positive + x * p
    mean = [first + alpha * (e - negative), positive + alpha * e]
    alpha2 = alpha * alpha
    second = [
        (y * y + x) * positive + y * x * p + alpha2 * (e2 - 2 * e + negative),
        2 * (first + alpha2 * (e2 - e)),
    ]
    if order >= 2:
        mean.append(alpha * e + (1 - alpha) * p)
        second.append(2 * (positive + alpha2 * (2 * e2 - e)))
    if order >= 3:
        q = y / x
        qp = q * p
        mean.append(alpha * (e - p) - (1 - alpha) * qp)
        second.append(2 * ((1 - alpha2) * p + alpha2 * (4 * e2 - e)))
    if order >= 4:
        mean.append(alpha * (e - p + qp) + (1 - alpha) * (q * q - 1 / x) * p)
        second.append(2 * (alpha2 * (8 * e2 - e - 3 * p) - (1 - alpha2) * qp))
    square = scale * scale
    return Tower(tuple(scale * m for m in mean), tuple(square * s for s in second))


class Jet(NamedTuple):
    """A function on a box: value at the centre; value, d/dy and d/dx over the box."""

    centre: arb
    whole: arb
    dy: arb
    dx: arb

    def __add__(self, other: Jet | arb | int) -> Jet:  # type: ignore[override]  # not a tuple's sum
        if isinstance(other, Jet):
            return Jet(
                self.centre + other.centre,
                self.whole + other.whole,
                self.dy + other.dy,
                self.dx + other.dx,
            )
        return Jet(self.centre + other, self.whole + other, self.dy, self.dx)

    def __mul__(self, other: Jet | arb | int) -> Jet:  # type: ignore[override]  # not repetition
        if isinstance(other, Jet):
            return Jet(
                self.centre * other.centre,
                self.whole * other.whole,
                self.dy * other.whole + self.whole * other.dy,
                self.dx * other.whole + self.whole * other.dx,
            )
        return Jet(self.centre * other, self.whole * other, self.dy * other, self.dx * other)

    def __neg__(self) -> Jet:
        return Jet(-self.centre, -self.whole, -self.dy, -self.dx)

    def __sub__(self, other: Jet | arb | int) -> Jet:
        return self + (-other)

    def square(self) -> Jet:
        """The square."""
        double = 2 * self.whole
        centre, whole = self.centre * self.centre, self.whole * self.whole
        return Jet(centre, whole, double * self.dy, double * self.dx)


class Moments(NamedTuple):
    """Jets over a box of E f(z), Var f(z), and of their first derivatives.

    The columns of the Jacobian of (mean, variance) with respect to (y, x) are (mean_y, variance_y)
    and (mean_x, variance_x); the last four are None below order 4.
    """

    y: arb
    x: arb
    mean: Jet
    variance: Jet
    mean_y: Jet | None = None
    mean_x: Jet | None = None
    variance_y: Jet | None = None
    variance_x: Jet | None = None

    def enclose(self, jet: Jet) -> arb:
        """Mean-value form of a jet over the box."""
        return jet.centre + jet.dy * (self.y - self.y.mid()) + jet.dx * (self.x - self.x.mid())

    def coordinate(self) -> Jet:
        """The coordinate x itself."""
        return Jet(self.x.mid(), self.x, arb(0), arb(1))


def moments(box: Sequence[arb], selu: Selu, *, derivatives: bool = False) -> Moments:
    """Jets of the moments over the box (y, x), with those of their derivatives if asked for."""
    y, x = box
    order = 4 if derivatives else 2
    (m, s), whole = tower(y.mid(), x.mid(), selu, order - 2 or 1), tower(y, x, selu, order)
    M, S = whole
    mean, second = _jets(m, M), _jets(s, S)
    variance = second[0] - mean[0].square()
    if not derivatives:
        return Moments(y, x, mean[0], variance)
    half = arb("0.5")
    variance_y = second[1] - mean[0] * mean[1] * 2
    variance_x = second[2] * half - mean[0] * mean[2]
    return Moments(y, x, mean[0], variance, mean[1], mean[2] * half, variance_y, variance_x)


def _jets(centre: Sequence[arb], whole: Sequence[arb]) -> tuple[Jet, ...]:
    """Jets of the derivatives of orders 0, 1, ...: d/dx is half the second derivative in y."""
    half = arb("0.5")
    return tuple(
        Jet(centre[k], whole[k], whole[k + 1], half * whole[k + 2]) for k in range(len(whole) - 2)
    )


def norm_gap(m: Moments, first: arb | Jet, second: arb | Jet, norm: arb) -> tuple[Jet, Jet, Jet]:
    """Jets that are all > 0 where ||J diag(first, second)|| < norm, J = d(mean, variance)/d(y, x).

    For a 2x2 matrix A both singular values are below 1 exactly if |det A| < 1 and
    1 - |A|_F^2 + det^2 = (1 - s1^2)(1 - s2^2) > 0: no root is taken.  Returns 1 - det, 1 + det and
    this product for A = J diag / norm.
    """
    return frobenius_gap(*columns(m, first, second), norm)


def columns(m: Moments, first: arb | Jet, second: arb | Jet) -> tuple[Jet, Jet, Jet, Jet]:
    """The entries (11, 12, 21, 22) of J diag(first, second)."""
    if m.mean_y is None or m.mean_x is None or m.variance_y is None or m.variance_x is None:
        raise ValueError("the Jacobian needs moments(..., derivatives=True).")
    return m.mean_y * first, m.mean_x * second, m.variance_y * first, m.variance_x * second


def frobenius_gap(a: Jet, b: Jet, c: Jet, d: Jet, norm: arb) -> tuple[Jet, Jet, Jet]:
    """1 - det, 1 + det and 1 - |A|_F^2 + det^2 for A = [[a, b], [c, d]] / norm."""
    inverse = 1 / (norm * norm)
    det = (a * d - b * c) * inverse
    frobenius = (a.square() + b.square() + c.square() + d.square()) * inverse
    return -det + 1, det + 1, det.square() - frobenius + 1
