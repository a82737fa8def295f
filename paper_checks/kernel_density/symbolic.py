r"""Computer-algebra proofs about rate functions, boundaries, stable laws and shares.

Each function takes the constant that the claim states, an int or a Fraction, and returns the
residual, a sympy expression: 0 proves the identity, anything else refutes the constant.
phi(lambda) = log E W^lambda / d, s = h^2 / lambda, q = |x|^2 / d.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _letters() -> tuple[Any, ...]:
    import sympy as sp

    return tuple(sp.symbols("s q lambda h", positive=True))


def _phi(power: Any, h2: Any) -> Any:
    import sympy as sp

    q = _letters()[1]
    return -sp.log(1 + power / h2) / 2 - q * power / (2 * (h2 + power))


def rate(s: Any, q: Any = None) -> Any:
    """alpha(s); q is a letter unless given."""
    import sympy as sp

    q = _letters()[1] if q is None else q
    return sp.log(1 + 1 / s) / 2 - 1 / (2 * (1 + s)) + q / (2 * (1 + s) ** 2)


def distance(s: Any, q: Any = None) -> Any:
    """u(s); q is a letter unless given."""
    q = _letters()[1] if q is None else q
    return s / (1 + s) + q * s**2 / (1 + s) ** 2


def _width(s: Any) -> Any:
    q = _letters()[1]
    return 1 / (2 * (1 + s) ** 2) + q * s / (1 + s) ** 3


def _small(expression: Any) -> Any:
    import sympy as sp

    return sp.simplify(sp.expand_log(expression, force=True))


# --- C1 -----------------------------------------------------------------------------------------


def moment(constant: Any) -> Any:
    """E exp(-lambda (x - y)^2/(2 h^2)), y normal, x^2 = q, over exp(phi); constant: the 1/2."""
    import sympy as sp

    _, q, lam, h = _letters()
    y = sp.Symbol("y", real=True)
    a = lam / h**2
    exponent = -a * (sp.sqrt(q) - y) ** 2 / 2 - y**2 / 2
    mean = sp.integrate(sp.exp(sp.expand(exponent)), (y, -sp.oo, sp.oo)) / sp.sqrt(2 * sp.pi)
    stated = (1 + a) ** (-sp.sympify(constant)) * sp.exp(-q * lam / (2 * (h**2 + lam)))
    return sp.simplify(sp.log(sp.simplify(mean / stated)).expand(force=True))


def averaged(constant: Any) -> Any:
    """E over x as well: x - y has variance 2, (1 + 2 lambda/h^2)^(-constant), constant = 1/2."""
    import sympy as sp

    _, _, lam, h = _letters()
    z = sp.Symbol("z", real=True)
    density = sp.exp(-(z**2) * (lam / h**2 + sp.Rational(1, 2)) / 2)
    mean = sp.integrate(density, (z, -sp.oo, sp.oo)) / sp.sqrt(4 * sp.pi)
    stated = (1 + 2 * lam / h**2) ** (-sp.sympify(constant))
    return sp.simplify(sp.log(sp.simplify(mean / stated)).expand(force=True))


def legendre(constant: Any) -> Any:
    """`constant` alpha(s) - (lambda phi' - phi) at h^2 = lambda s."""
    import sympy as sp

    s, _, lam, h = _letters()
    phi = _phi(lam, h**2)
    found = (lam * sp.diff(phi, lam) - phi).subs(h, sp.sqrt(lam * s))
    return _small(constant * rate(s) - found)


def tilted_distance(constant: Any) -> Any:
    """u(s) + `constant` h^2 phi'(lambda): the mean of r^2/d under the tilt."""
    import sympy as sp

    s, _, lam, h = _letters()
    slope = sp.diff(_phi(lam, h**2), lam).subs(h, sp.sqrt(lam * s))
    return sp.simplify(distance(s) + constant * lam * s * slope)


def rate_slope(constant: Any) -> Any:
    """2 s d alpha/du - `constant`, -1."""
    import sympy as sp

    s = _letters()[0]
    return sp.simplify(2 * s * sp.diff(rate(s), s) / sp.diff(distance(s), s) - constant)


def decreasing(constant: Any) -> Any:
    """s d alpha/ds + `constant` v(s), v > 0 a sum of positive terms."""
    import sympy as sp

    s = _letters()[0]
    return sp.simplify(s * sp.diff(rate(s), s) + constant * _width(s))


def curvature(constant: Any) -> Any:
    """phi''(lambda = 1) - `constant` v(s) at h^2 = s."""
    import sympy as sp

    s, _, lam, h = _letters()
    found = sp.diff(_phi(lam, h**2), lam, 2).subs(lam, 1).subs(h, sp.sqrt(s))
    return sp.simplify(found - constant * _width(s))


# --- C2, C3 -------------------------------------------------------------------------------------


def rescaled(constant: Any) -> Any:
    """log W^lambda at bandwidth h less log W at h lambda^(-constant): 1/2, for every density."""
    import sympy as sp

    _, _, lam, h = _letters()
    r = sp.Symbol("r", positive=True)
    narrower = h * lam ** (-sp.sympify(constant))
    return sp.simplify(-lam * r**2 / (2 * h**2) + r**2 / (2 * narrower**2))


def implicit(constant: Any, index: int) -> Any:
    """alpha at q = 1 and h^2 = index s, less log(1 + index/h^2)/2 - c h^2/(h^2 + index)^2."""
    import sympy as sp

    _, q, _, h = _letters()
    stated = sp.log(1 + index / h**2) / 2 - sp.sympify(constant) * h**2 / (h**2 + index) ** 2
    return _small(rate(h**2 / index).subs(q, 1) - stated)


def dense(constant: Any) -> Any:
    """Coefficient of E^3 in s_G, E = e^(-2 alpha) -> 0: from e^(-2 alpha(s)) at E + c E^3."""
    import sympy as sp

    e = sp.Symbol("E", positive=True)
    s = e + sp.sympify(constant) * e**3
    found = s / (1 + s) * sp.exp(s / (1 + s) ** 2)
    return sp.series(found, e, 0, 4).removeO() - e


def sparse(constant: Any) -> Any:
    """s_G = 1/y - c + O(y), y = sqrt(4 alpha/3) -> 0: the y^3 of 4 alpha(s)/3 - y^2."""
    import sympy as sp

    q, y = _letters()[1], sp.Symbol("y", positive=True)
    s = 1 / y - sp.sympify(constant)
    found = sp.series(sp.Rational(4, 3) * rate(s).subs(q, 1), y, 0, 4).removeO()
    return sp.simplify(found - y**2)


def index(constant: Any) -> Any:
    """-d log N/d log W over h^2/s, where log N/d = alpha - I(u) and log W/d = -u/(2 h^2)."""
    import sympy as sp

    s, _, _, h = _letters()
    count = -sp.diff(rate(s), s) / sp.diff(distance(s), s)
    return sp.simplify(-count * -2 * h**2 - constant * h**2 / s)


def explosion(constant: Any, index: int) -> Any:
    """phi(2) - 2 phi(1) - alpha at lambda* = `index` less c times a remainder of Taylor's.

    At 1 the remainder is phi(2) - phi(1) - phi'(1) and c = 1, at 2 it is phi(1) - phi(2) + phi'(2)
    and c = -2; both are positive, since phi is convex.
    """
    import sympy as sp

    s, _, lam, h = _letters()
    h2 = index * s
    phi = _phi(lam, h**2)
    one, two = (phi.subs(lam, k).subs(h, sp.sqrt(h2)) for k in (1, 2))
    slope = sp.diff(phi, lam).subs(lam, index).subs(h, sp.sqrt(h2))
    rest = two - one - slope if index == 1 else one - two + slope
    return _small(two - 2 * one - rate(s) - constant * rest)


# --- C4, C5 -------------------------------------------------------------------------------------


def _free_energy(condensed: bool) -> Any:
    """f at h = e^x; alpha and u* those of s."""
    import sympy as sp

    s, q, _, _ = _letters()
    h2 = sp.exp(2 * sp.Symbol("x", real=True))
    if condensed:
        return -sp.log(2 * sp.pi * h2) / 2 - rate(s) - distance(s) / (2 * h2)
    return -sp.log(2 * sp.pi * (1 + h2)) / 2 - q / (2 * (1 + h2))


def joined(constant: Any, order: int) -> Any:
    """Difference of the order-th derivatives in log h, above less below, at h_G; `constant`."""
    import sympy as sp

    s, x = _letters()[0], sp.Symbol("x", real=True)
    gap = sp.diff(_free_energy(False) - _free_energy(True), x, order)
    return _small(gap.subs(x, sp.log(s) / 2)) - constant


def jump(constant: Any, condensed: bool) -> Any:
    """-f'' in log h at h_G and q = 1: 4 s^2/(1 + s)^3 above, 2 (1 + 2 s)/(1 + s)^2 below."""
    import sympy as sp

    s, q, x = *_letters()[:2], sp.Symbol("x", real=True)
    found = -sp.diff(_free_energy(condensed), x, 2).subs(x, sp.log(s) / 2).subs(q, 1)
    stated = 2 * (1 + 2 * s) / (1 + s) ** 2 if condensed else 4 * s**2 / (1 + s) ** 3
    return sp.simplify(found - constant * stated)


def by_q(constant: Any, condensed: bool) -> Any:
    """df/dq + c/(2 (1 + h^2)) above h_G, df/dq + c s/(2 h^2 (1 + s)) below, at fixed alpha."""
    import sympy as sp

    s, q, _, h = _letters()
    x = sp.Symbol("x", real=True)
    if condensed:  # alpha is fixed: s moves with q, and -alpha in f does not
        along = -sp.diff(rate(s), q) / sp.diff(rate(s), s)
        found = -(sp.diff(distance(s), q) + sp.diff(distance(s), s) * along) / (2 * h**2)
        stated = s / (2 * h**2 * (1 + s))
    else:
        found = sp.diff(_free_energy(False), q).subs(x, sp.log(h))
        stated = 1 / (2 * (1 + h**2))
    return sp.simplify(found + constant * stated)


def relative_moment(constant: Any) -> Any:
    """phi(2) - 2 phi(1) less log((1 + h^2)^2/(h^2 (h^2 + 2)))/2 + c q/((h^2 + 1)(h^2 + 2))."""
    import sympy as sp

    _, q, _, h = _letters()
    h2 = h**2
    stated = sp.log((1 + h2) ** 2 / (h2 * (h2 + 2))) / 2 + constant * q / ((h2 + 1) * (h2 + 2))
    return _small(_phi(2, h2) - 2 * _phi(1, h2) - stated)


def exponents_meet(constant: Any) -> Any:
    """The difference of the two Delta at lambda* = 2; `constant`: the 1/2 of the normal one."""
    import sympy as sp

    s = _letters()[0]
    h2 = 2 * s
    normal = sp.sympify(constant) * (rate(s) - _phi(2, h2) + 2 * _phi(1, h2))
    return _small(normal - _stable_exponent(h2))


def exponent_vanishes(constant: Any) -> Any:
    """Delta of the stable regime at h^2 = s, lambda* = 1, less `constant`."""
    return _small(_stable_exponent(_letters()[0])) - constant


def _stable_exponent(h2: Any) -> Any:
    s = _letters()[0]
    return rate(s) + _phi(1, h2) + distance(s) / (2 * h2)
