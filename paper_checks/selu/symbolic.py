r"""Computer-algebra proofs about SELU and alpha dropout (claims C1, C2, C8 and C9).

Each function takes the constant that the claim states, a sympy number, int or text such as "1/2",
and returns the residual, a sympy expression: 0 proves the identity, anything else refutes the
constant.  z ~ N(y, x), x a variance, and f(z) = scale z (z > 0), scale alpha (e^z - 1) (z <= 0).
The moments come from integrals over the two half-lines, not from the closed forms of the theory.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PUBLISHED = "published closed form"
"""In place of a constant: the closed form of the paper."""


def exponential_moment(constant: Any, power: int) -> Any:
    """E[e^(kz); z < 0] - exp(k y + `constant` k^2 x) erfc((y + k x)/sqrt(2x))/2, k = `power`."""
    import sympy as sp

    y, x = _arguments()
    stated = sp.exp(power * y + _number(constant) * power**2 * x)
    return _below(power) - stated * sp.erfc((y + power * x) / sp.sqrt(2 * x)) / 2


def linear_moment(constant: Any) -> Any:
    """E[z; z > 0] - y P(z > 0) - `constant` x p, p the density of z at 0."""
    import sympy as sp

    y, x = _arguments()
    return _above(1) - y * (1 - _below(0)) - _number(constant) * x * _density(sp.Integer(0))


def heat(constant: Any, moment: int) -> Any:
    """dF/dx - `constant` d^2F/dy^2 for F = E f(z) (`moment` 1) or E f(z)^2 (2)."""
    import sympy as sp

    y, x = _arguments()
    expectation = _moments(*sp.symbols("scale alpha", positive=True))[moment - 1]
    residual = sp.diff(expectation, x) - _number(constant) * sp.diff(expectation, y, 2)
    return sp.expand(sp.powsimp(sp.expand(sp.expand(residual), power_exp=False)))


def mean_at_target(alpha: Any) -> Any:
    """E f(z)/scale for z ~ N(0, 1); `alpha` may be PUBLISHED."""
    return _at_target(1, _published_alpha() if alpha == PUBLISHED else _number(alpha))[0]


def mean_at_variance(power: Any) -> Any:
    """E f(z)/scale, z ~ N(0, v), alpha = sqrt(2 v) pi^`power`/(1 - e^(v/2) erfc(sqrt(v/2)))."""
    import sympy as sp

    v = sp.Symbol("v", positive=True)
    factor = sp.sqrt(2 * v) * sp.pi ** _number(power)
    alpha = factor / (1 - sp.exp(v / 2) * sp.erfc(sp.sqrt(v / 2)))
    return _at_target(v, alpha)[0]


def second_moment_at_target(scale: Any) -> Any:
    """E f(z)^2 - 1 for z ~ N(0, 1) and the published alpha; `scale` may be PUBLISHED."""
    stated = _published_scale() if scale == PUBLISHED else _number(scale)
    return stated**2 * _at_target(1, _published_alpha())[1] - 1


def dropout_mean(factor: Any) -> Any:
    """Mean after alpha dropout minus the target's, b = m - `factor` a (q m + (1 - q) s)."""
    return _dropped(_number("1/2"), _number(factor))[0]


def dropout_variance(power: Any) -> Any:
    """Variance after alpha dropout minus the target's, a = (v/(q((1-q)(s-m)^2+v)))^`power`."""
    return _dropped(_number(power), 1)[1]


def dropped_variance(constant: Any) -> Any:
    """Var(d x + (1 - d) s) - q ((1 - q)(s - m)^2 + `constant` v), P(d = 1) = q, from moments."""
    import sympy as sp

    m, s = sp.symbols("m s", real=True)
    v, q = sp.symbols("v q", positive=True)
    mean = q * m + (1 - q) * s
    second = q * (v + m**2) + (1 - q) * s**2
    return sp.expand(second - mean**2 - q * ((1 - q) * (s - m) ** 2 + _number(constant) * v))


def _published_alpha() -> Any:
    import sympy as sp

    return sp.sqrt(2 / sp.pi) / (1 - sp.sqrt(sp.E) * sp.erfc(1 / sp.sqrt(2)))


def _published_scale() -> Any:
    import sympy as sp

    c, root = sp.erfc(1 / sp.sqrt(2)), sp.sqrt(sp.E)
    inside = 2 * sp.E**2 * sp.erfc(sp.sqrt(2)) + sp.pi * sp.E * c**2
    inside += -2 * (2 + sp.pi) * root * c + sp.pi + 2
    return (1 - root * c) * sp.sqrt(2 * sp.pi) / sp.sqrt(inside)


def _dropped(power: Any, factor: Any) -> tuple[Any, Any]:
    import sympy as sp

    m, s = sp.symbols("m s", real=True)
    v, q = sp.symbols("v q", positive=True)
    a = (v / (q * ((1 - q) * (s - m) ** 2 + v))) ** power
    raw = q * m + (1 - q) * s
    b = m - factor * a * raw
    second = q * (v + m**2) + (1 - q) * s**2
    return sp.simplify(a * raw + b - m), sp.simplify(a**2 * (second - raw**2) - v)


def _at_target(variance: Any, alpha: Any) -> tuple[Any, Any]:
    """E f and E f^2 in units of the scale and its square, at y = 0."""
    import sympy as sp

    y, x = _arguments()
    return tuple(m.subs({y: 0, x: variance}) for m in _moments(sp.Integer(1), alpha))


def _moments(scale: Any, alpha: Any) -> tuple[Any, Any]:
    k = scale * alpha
    mean = scale * _above(1) + k * (_below(1) - _below(0))
    return mean, scale**2 * _above(2) + k**2 * (_below(2) - 2 * _below(1) + _below(0))


@cache
def _below(power: int) -> Any:
    """E[e^(kz); z < 0]."""
    import sympy as sp

    z = sp.Symbol("z", real=True)
    found = sp.integrate(sp.exp(power * z) * _density(z), (z, -sp.oo, 0))
    return sp.simplify(found).rewrite(sp.erfc)


@cache
def _above(power: int) -> Any:
    """E[z^k; z > 0]."""
    import sympy as sp

    z = sp.Symbol("z", real=True)
    found = sp.integrate(z**power * _density(z), (z, 0, sp.oo))
    return sp.simplify(found).rewrite(sp.erfc)


def _density(z: Any) -> Any:
    import sympy as sp

    y, x = _arguments()
    return sp.exp(-((z - y) ** 2) / (2 * x)) / sp.sqrt(2 * sp.pi * x)


@cache
def _arguments() -> tuple[Any, Any]:
    import sympy as sp

    return sp.Symbol("y", real=True), sp.Symbol("x", positive=True)


def _number(constant: Any) -> Any:
    import sympy as sp

    return sp.Rational(constant) if isinstance(constant, str) else sp.sympify(constant)
