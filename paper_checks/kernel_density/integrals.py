r"""Computer-algebra proofs about stable laws, Poisson-Dirichlet shares and exact means (C6 to C8).

Conventions are those of `symbolic`.  The points of the limit have intensity L x^(-L - 1) dx.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _letters() -> tuple[Any, ...]:
    import sympy as sp

    return tuple(sp.symbols("t x y r", positive=True))


def _index(above: bool) -> Any:
    """An index in (0, 1), or in (1, 2): written so that the computer algebra sees the range."""
    import sympy as sp

    a = sp.Symbol("a", positive=True)  # any positive number; a/(1 + a) lies in (0, 1)
    return a / (1 + a) + (1 if above else 0)


# --- C6 -----------------------------------------------------------------------------------------


def laplace(constant: Any, above: bool) -> Any:
    """int (1 - e^(-t x) [- t x]) L x^(-L-1) dx less `constant` Gamma(1 - L) t^L.

    By parts it is an integral of e^(-t x), or of 1 - e^(-t x) and once more by parts.
    """
    import sympy as sp

    t, x, _, _ = _letters()
    n = sp.Symbol("n", positive=True)  # n - L, the order of the gamma integral after `n` steps
    gamma = sp.integrate(sp.exp(-t * x) * x ** (n - 1), (x, 0, sp.oo))  # Gamma(n) t^-n
    index = _index(above)
    if above:
        # int (1 - e^-tx - t x) L x^(-L-1) = -t int (1 - e^-tx) x^-L
        #                                  = -t^2/(L - 1) int e^-tx x^(1-L)
        found = -(t**2) / (index - 1) * gamma.subs(n, 2 - index)
    else:
        found = t * gamma.subs(n, 1 - index)
    stated = constant * sp.gamma(1 - index) * t**index
    return sp.simplify(sp.gammasimp(found / stated)) - 1


def stable_scale(constant: Any) -> Any:
    """Real part of -Gamma(1 - L) (-i)^L less -`constant` c^L, c^L = Gamma(1 - L) cos(pi L/2)."""
    import sympy as sp

    index = sp.Symbol("L", positive=True)
    found = sp.re(sp.exp(index * sp.log(-sp.I)))  # the principal branch
    scale = sp.gamma(1 - index) * sp.cos(sp.pi * index / 2)
    return sp.simplify(-sp.gamma(1 - index) * found + constant * scale)


def skewness(constant: Any) -> Any:
    """Im over Re of -Gamma(1 - L) (-i)^L less -`constant` tan(pi L/2): skewness 1 (S1)."""
    import sympy as sp

    index = sp.Symbol("L", positive=True)
    power = sp.exp(index * sp.log(-sp.I))
    return sp.simplify(sp.im(power) / sp.re(power) + constant * sp.tan(sp.pi * index / 2))


def shares_at_thresholds(constant: Any) -> Any:
    """s/(1 + s) of the tilt at lambda* = 1, W, less `constant` that at lambda* = 2, W^2."""
    import sympy as sp

    s = sp.Symbol("s", positive=True)
    one, two = (power * s / (power * s + power) for power in (1, 2))
    return sp.simplify(one - constant * two)


# --- C7 -----------------------------------------------------------------------------------------


def ratio(constant: Any) -> Any:
    """P(R_k <= r) - r^(c k L), c = 1: x^-L are Poisson points of rate 1, R^L = G_k/G_(k+1).

    G_k has the density g^(k-1) e^-g/(k-1)!, and G_(k+1) - G_k is exponential.
    """
    import sympy as sp

    r = _letters()[3]
    g = sp.Symbol("g", positive=True)
    k = sp.Symbol("k", positive=True, integer=True)
    index = sp.Symbol("L", positive=True)
    b = r**index  # P(G_(k+1) >= G_k/b) = E exp(-G_k (1/b - 1))
    a = sp.Symbol("a", positive=True)
    found = sp.integrate(g ** (k - 1) * sp.exp(-a * g), (g, 0, sp.oo)) / sp.gamma(k)
    return sp.simplify(sp.powsimp(found.subs(a, 1 / b), force=True) - r ** (constant * k * index))


def share(constant: Any, k: int) -> Any:
    """E Y_k - `constant` (1 - L) (2 - L) ... (k - 1 - L)/(k - 1)!.

    (1/Gamma(k)) int t^(k-1) E[sum W^k e^(-tS)] dt, and the sum over points by Campbell's formula:
    L Gamma(k - L) t^(L - k) exp(-Gamma(1 - L) t^L).
    """
    import sympy as sp

    index = _index(False)
    stated = sp.prod([j - index for j in range(1, k)]) / sp.factorial(k - 1)
    found = index * sp.gamma(k - index) * _laplace_moment(1) / sp.gamma(k)
    return sp.simplify(sp.gammasimp(found) - constant * stated)


def share_square(constant: Any) -> Any:
    """E Y_2^2 - (1 - L) (c - 2 L)/3, c = 3: equal pairs give Y_4, different ones two factors."""
    import sympy as sp

    index = _index(False)
    same = index * sp.gamma(4 - index) * _laplace_moment(1)
    pairs = (index * sp.gamma(2 - index)) ** 2 * _laplace_moment(2)
    found = (same + pairs) / sp.gamma(4)
    return sp.simplify(sp.gammasimp(found) - (1 - index) * (constant - 2 * index) / 3)


def _laplace_moment(groups: int) -> Any:
    """int t^(groups L - 1) exp(-Gamma(1 - L) t^L) dt, in v = t^L."""
    import sympy as sp

    v, c = sp.symbols("v c", positive=True)
    index = _index(False)
    found = sp.integrate(v ** (groups - 1) * sp.exp(-c * v), (v, 0, sp.oo)) / index
    return found.subs(c, sp.gamma(1 - index))


def inverse_largest(constant: Any) -> Any:
    """E S/W_max - `constant`/(1 - L): given W_max = x the others sum to L x^(1-L)/(1 - L)."""
    import sympy as sp

    _, x, y, _ = _letters()
    b, v = sp.symbols("b v", positive=True)
    index = _index(False)
    others = sp.integrate(b * y ** (b - 1), (y, 0, x)).subs(b, 1 - index) * index / (1 - index)
    level = v ** (-1 / index)  # x, as x^-L = v is exponential
    mean = sp.simplify(sp.powsimp(others.subs(x, level) / level, force=True))
    found = 1 + sp.integrate(sp.expand(mean) * sp.exp(-v), (v, 0, sp.oo))
    return sp.simplify(found - constant / (1 - index))


# --- C8 -----------------------------------------------------------------------------------------


def gumbel(constant: Any) -> Any:
    """E log E - `constant` gamma_E, E exponential: log S = log E - log T, P(T > t) = E e^(-tS)."""
    import sympy as sp

    x, a = _letters()[1], sp.Symbol("a", positive=True)
    moment = sp.integrate(x ** (a - 1) * sp.exp(-x), (x, 0, sp.oo))  # E E^(a - 1)
    return sp.diff(moment, a).subs(a, 1).doit() - constant * sp.EulerGamma


def two_uniform(constant: Any) -> Any:
    """E log(U + V) - 2 log 2 + `constant`, U and V uniform: the density is x, then 2 - x."""
    import sympy as sp

    x = _letters()[1]
    near = sp.integrate(x * sp.log(x), (x, 0, 1))
    far = sp.integrate((2 - x) * sp.log(x), (x, 1, 2))
    return sp.simplify(near + far - 2 * sp.log(2) + sp.sympify(constant))
