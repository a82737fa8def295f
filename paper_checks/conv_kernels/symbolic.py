r"""Computer-algebra proofs about the arc-cosine kernels and the kernel of one hidden layer.

Each function takes the constant that the claim states, an int or a Fraction, and returns the
residual, a sympy expression: 0 proves the identity, anything else refutes the constant.
c = cos(w), w the angle between two inputs; degrees are 2 m or 2 m + 1 for a symbol m.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def covariance(constant: Any, power: int) -> Any:
    """`constant` E[relu(u)^p relu(v)^p] - k_p(cos w), (u, v) normal, variances 1, covariance cos w.

    In polar coordinates: relu^0 is the step function, and u = r cos(phi), v = r cos(phi - w) are
    both positive for w - pi/2 < phi < pi/2.
    """
    import sympy as sp

    return sp.simplify(constant * _covariance(power) - _arc_cosine()[power])


def slope(constant: Any) -> Any:
    """d k1/dc - `constant` k0."""
    import sympy as sp

    k0, k1 = _of_cosine()
    return sp.simplify(sp.diff(k1, _correlation()) - constant * k0)


def curvature(constant: Any) -> Any:
    """d k0/dc - `constant` (1 - c^2)^(-1/2)/pi."""
    import sympy as sp

    c = _correlation()
    return sp.diff(_of_cosine()[0], c) - constant / (sp.pi * sp.sqrt(1 - c**2))


def at_zero(constant: Any, power: int) -> Any:
    """k_p(0) - `constant`/pi^p."""
    import sympy as sp

    return _of_cosine()[power].subs(_correlation(), 0) - constant / sp.pi**power


def binomial_series(constant: Any) -> Any:
    """(n + 1) a_(n+1) - (n + `constant`) a_n over a_n, for a_n = binomial(2n, n)/4^n.

    With 1/2, and a_0 = 1, it is what (1 - x) y' = y/2 says of the coefficients of (1 - x)^(-1/2).
    """
    import sympy as sp

    n = sp.Symbol("n", integer=True, nonnegative=True)
    ratio = sp.combsimp(sp.binomial(2 * n + 2, n + 1) / (4 * sp.binomial(2 * n, n)))
    return sp.simplify((n + 1) * ratio - n - constant)


def distance(constant: Any) -> Any:
    """1 - k1(cos w) - (1 - cos w) + `constant` (sin w - w cos w)/pi."""
    import sympy as sp

    w = sp.Symbol("w", positive=True)
    chord = (sp.sin(w) - w * sp.cos(w)) / sp.pi
    return sp.simplify(sp.cos(w) - _arc_cosine()[1] + constant * chord)


def near(constant: Any, power: int) -> Any:
    """Limit of (k_p(1 - u) - 1 + p u)/u^(p + 1/2) at u = 0, less `constant` sqrt(2)/pi."""
    import sympy as sp

    return _near(power) - constant * sp.sqrt(2) / sp.pi


@cache
def _near(power: int) -> Any:
    import sympy as sp

    w = sp.Symbol("w", positive=True)
    u = 1 - sp.cos(w)
    rest = _arc_cosine()[power] - (1 if power == 0 else sp.cos(w))
    return sp.limit(rest / u ** (sp.Rational(1, 2) + power), w, 0)


def fourier(constant: Any, kind: str, degree: str) -> Any:
    """Lambda_k of one layer less `constant` top/(pi^2 (k^2 - 1)^2), top 1 (RFK), k^2 + 3 (NTK).

    The degree k is "0", "even" or "odd" (above 1).
    """
    import sympy as sp

    m = sp.Symbol("m", integer=True, positive=True)
    k = {"even": 2 * m, "odd": 2 * m + 1, "0": sp.Integer(0)}[degree]
    top = 1 if kind == "rfk" else k**2 + 3
    return sp.cancel(_coefficient(kind, k) - constant * top / (sp.pi * (k**2 - 1)) ** 2)


def first(constant: Any, kind: str) -> Any:
    """Lambda_1 of one layer less `constant`."""
    import sympy as sp

    return _coefficient(kind, sp.Integer(1)) - constant


def trace(constant: Any, kind: str) -> Any:
    """Lambda_0 + 2 sum over k >= 1 of Lambda_k, one layer, less `constant`; see `fractions`."""
    import sympy as sp

    zero, one = _coefficient(kind, sp.Integer(0)), _coefficient(kind, sp.Integer(1))
    squares, telescoping = _sums()
    even = ((1 if kind == "rfk" else 2) * squares - telescoping) / sp.pi**2
    return sp.simplify(zero + 2 * (one + even) - constant)


@cache
def _sums() -> tuple[Any, Any]:
    """Sums over m >= 1 of (2m - 1)^-2 + (2m + 1)^-2 and of (2m - 1)^-1 - (2m + 1)^-1."""
    import sympy as sp

    m = sp.Symbol("m", integer=True, positive=True)
    low, high = 1 / (2 * m - 1), 1 / (2 * m + 1)
    return sp.summation(low**2 + high**2, (m, 1, sp.oo)), sp.limit(1 - high, m, sp.oo)


def fractions(constant: Any, kind: str) -> Any:
    """The partial fractions that `trace` sums, less `constant` times the closed form."""
    import sympy as sp

    m = sp.Symbol("m", integer=True, positive=True)
    low, high = 1 / (2 * m - 1), 1 / (2 * m + 1)
    weight, top = (1, 4) if kind == "rfk" else (2, 2 * ((2 * m) ** 2 + 3))
    parts = weight * (low**2 + high**2) - (low - high)
    return sp.simplify(parts - constant * top / ((2 * m) ** 2 - 1) ** 2)


def transform(constant: Any) -> Any:
    r"""Both sides of the pairing with exp(-|x|^2/2) that defines FT(a, D), over their scale.

    int |x|^a g dx = (2 pi)^-D int FT |k|^(-a - D) g^ dk, -D < a < 0, `constant` for the 2^(a + D).
    """
    import sympy as sp

    b, c, r = sp.symbols("b c r", positive=True)  # a = -b, D = b + c
    a, D = -b, b + c
    left = sp.integrate(r ** (a + D - 1) * sp.exp(-(r**2) / 2), (r, 0, sp.oo))
    radial = sp.integrate(r ** (-a - 1) * sp.exp(-(r**2) / 2), (r, 0, sp.oo))
    stated = sp.sympify(constant) ** (a + D) * sp.pi ** (D / 2)
    stated *= sp.gamma((a + D) / 2) / sp.gamma(-a / 2)
    return sp.simplify(left - (2 * sp.pi) ** (-D / 2) * stated * radial)


def one_layer_limit(constant: Any, kind: str) -> Any:
    """Limit of k^(2 nu + 1) Lambda_k, k even, one layer, less `constant` times FT's constant."""
    import sympy as sp

    k = sp.Symbol("k", positive=True)
    a, top = (3, 4) if kind == "rfk" else (1, 2 * (k**2 + 3))
    size = 2 ** (a + 1) * sp.sqrt(sp.pi) * sp.gamma(sp.Rational(a + 1, 2))
    size /= sp.gamma(-sp.Rational(a, 2)) * 2 * sp.pi
    local = size / (3 * sp.pi) if kind == "rfk" else -size / sp.pi
    found = sp.limit(k ** (a + 1) * top / (sp.pi * (k**2 - 1)) ** 2, k, sp.oo)
    return sp.simplify(found - constant * local)


@cache
def _covariance(power: int) -> Any:
    import sympy as sp

    w, phi, r = sp.Symbol("w", positive=True), sp.Symbol("phi", real=True), sp.Symbol("r")
    radial = sp.integrate(r ** (2 * power + 1) * sp.exp(-(r**2) / 2), (r, 0, sp.oo))
    inside = sp.expand((sp.cos(phi) * sp.cos(phi - w)) ** power, trig=True)
    return radial * sp.integrate(inside, (phi, w - sp.pi / 2, sp.pi / 2)) / (2 * sp.pi)


@cache
def _coefficient(kind: str, k: Any) -> Any:
    """(1/pi) int_0^pi K cos(k w) dw for one hidden layer."""
    import sympy as sp
    from sympy.simplify.fu import TR8

    w = sp.Symbol("w", positive=True)
    k0, k1 = _arc_cosine()
    value = k1 if kind == "rfk" else k1 + sp.cos(w) * k0
    terms = sp.expand(TR8(sp.expand(value * sp.cos(k * w)))).as_ordered_terms()  # no products
    return sp.together(sum(sp.integrate(term, (w, 0, sp.pi)) for term in terms) / sp.pi)


def _arc_cosine() -> tuple[Any, Any]:
    """k0 and k1 of cos(w), 0 < w < pi."""
    import sympy as sp

    w = sp.Symbol("w", positive=True)
    return 1 - w / sp.pi, (sp.sin(w) + (sp.pi - w) * sp.cos(w)) / sp.pi


def _of_cosine() -> tuple[Any, Any]:
    """k0 and k1 of c itself."""
    import sympy as sp

    c = _correlation()
    k0 = (sp.pi - sp.acos(c)) / sp.pi
    return k0, sp.sqrt(1 - c**2) / sp.pi + k0 * c


def _correlation() -> Any:
    import sympy as sp

    return sp.Symbol("c", real=True)
