r"""Computer-algebra proofs about dual activations and their limits (claims C1 to C6, C8, C10).

Each function takes the constant that the claim states and returns the residual, a sympy
expression: 0 proves the identity, anything else refutes the constant.  Expectations come from
Gaussian moments of polynomials, with v = x u + sqrt(1 - x^2) w for correlated (u, v), and from
integrals; no formula of the theory is used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

DEGREE = 4


def dual_power(constant: Any) -> Any:
    """E phi(u) phi(v) - sum_k a_k^2 x^(`constant` k) for phi = sum_{k <= 4} a_k h_k."""
    import sympy as sp

    a, x = _coefficients(), sp.Symbol("x", positive=True)
    stated = sum(a[k] ** 2 * x ** (constant * k) for k in range(DEGREE + 1))
    return sp.expand(_mean_of_product(_activation(a), _activation(a), x) - stated)


def dual_derivative(correlation: Any) -> Any:
    """D'(x) - E phi'(u) phi'(v), u and v of correlation x, or 1 for phi'(u)^2."""
    import sympy as sp

    a, x, u = _coefficients(), sp.Symbol("x", positive=True), sp.Symbol("u")
    slope = sp.diff(_activation(a), u)
    stated = _mean_of_product(slope, slope, x).subs(x, x if correlation == "x" else correlation)
    return sp.expand(sum(k * a[k] ** 2 * x ** (k - 1) for k in range(1, DEGREE + 1)) - stated)


def dual_at_zero(power: Any, order: int) -> Any:
    """D(0) - (E phi)^`power` (`order` 0), or D'(0) - (E phi')^`power` (1)."""
    import sympy as sp

    a, u = _coefficients(), sp.Symbol("u")
    expectation = _gaussian_mean(sp.diff(_activation(a), u, order), u)
    return sp.expand(a[order] ** 2 - expectation**power)


def chaos(extra: Any, order: int) -> Any:
    """B' less its part in A and A' and the rest of its series, all from E phi'^2.

    `order` 1: B' - `extra` (1 - A^2) - sum (k - 1) a_k^2 over k >= 2.  2: B' - `extra` (1 - A^2)
    + A'^2 - sum (k - 2) a_k^2 over k >= 3.  With sum a_k^2 = 1, phi of degree 4.
    """
    import sympy as sp

    a, u = list(_coefficients()), sp.Symbol("u")
    slope = sp.diff(_activation(a), u)
    found = _gaussian_mean(sp.expand(slope**2), u) - extra * (1 - a[0] ** 2)
    found -= sum((k - order) * a[k] ** 2 for k in range(order + 1, DEGREE + 1))
    if order == 2:
        found += a[1] ** 2
    return sp.expand(found.subs(a[2], sp.sqrt(1 - sum(c**2 for c in a if c != a[2]))))


def diagonal(shift: Any) -> Any:
    """k_{L+1} - (1 + B' k_L) for k_L = (B'^(L + `shift`) - 1)/(B' - 1), plus k_0 - 1."""
    import sympy as sp

    depth, b = sp.symbols("L B", positive=True)
    k = (b ** (depth + shift) - 1) / (b - 1)
    layer = sp.powsimp(sp.expand(sp.simplify((k.subs(depth, depth + 1) - 1 - b * k) * (b - 1))))
    return sp.simplify(layer) + sp.simplify(k.subs(depth, 0) - 1)


def unrolled(first: Any, depth: int = 4) -> Any:
    """K_L by the recursion less sum_{k >= `first`} Sigma_k prod_{j >= k} D'(Sigma_j), L = 4."""
    import sympy as sp

    sigma, slope = sp.symbols(f"s:{depth + 1}"), sp.symbols(f"d:{depth}")
    tangent = sigma[0]
    for layer in range(depth):
        tangent = sigma[layer + 1] + tangent * slope[layer]
    stated = sum(sigma[k] * sp.prod(slope[k:]) for k in range(first, depth + 1))
    return sp.expand(tangent - stated)


def power_law(factor: Any) -> Any:
    """(B' delta)^(-alpha/2) - A'^2 delta^(-alpha/2), alpha = `factor` log A'/log B'."""
    import sympy as sp

    slope, b, delta = sp.symbols("A B delta", positive=True)
    alpha = sp.sympify(factor) * sp.log(slope) / sp.log(b)
    return sp.simplify((b ** (-alpha / 2) - slope**2) * delta)


def cubic_exponent(shift: Any) -> Any:
    """alpha - (d + `shift`) of q x + (1 - 2q) x^2 + q x^3, q = 2^(-d/2)."""
    import sympy as sp

    d = sp.Symbol("d", positive=True)
    return sp.simplify(_exponent(_cubic(d)) - d - shift)


def cubic_chaos(value: Any) -> Any:
    """D'(1) - `value` of the same."""
    import sympy as sp

    d = sp.Symbol("d", positive=True)
    x = sp.Symbol("x")
    return sp.simplify(sp.diff(_cubic(d), x).subs(x, 1) - value)


def cubic_middle(dimension: Any) -> Any:
    """1 - 2q at d = `dimension`: 0 where the cubic has no x^2 left."""
    import sympy as sp

    return 1 - 2 * 2 ** (-sp.sympify(dimension) / 2)


def cubic_activation(power: Any) -> Any:
    """Dual of q^p h1 + (1 - 2q)^p h2 + q^p h3 less the cubic, p = `power`, any q."""
    import sympy as sp

    x, u = sp.symbols("x u")
    q, p = sp.Symbol("q", positive=True), sp.sympify(power)
    a = [sp.Integer(0), q**p, sp.Symbol("m", positive=True) ** p, q**p]
    phi = sum(a[k] * _hermite(k, u) for k in range(4))
    stated = q * x + sp.Symbol("m", positive=True) * x**2 + q * x**3
    return sp.expand(_mean_of_product(phi, phi, x) - stated)


def power_pair(exponent: Any, power: int) -> Any:
    """Exponent of (x + x^`power`)/2, less `exponent`."""
    import sympy as sp

    x = sp.Symbol("x")
    return sp.simplify(_exponent((x + x**power) / 2) - exponent)


def fractional_exponent(shift: Any) -> Any:
    """alpha - (d + `shift`) of x/2 + (1 - f) x^k/2 + f x^(k+1)/2, k + f = 2^(1 + 2/d) - 1."""
    import sympy as sp

    d, k = sp.symbols("d k", positive=True)
    x = sp.Symbol("x", positive=True)
    f = 2 ** (1 + 2 / d) - 1 - k
    series = x / 2 + (1 - f) * x**k / 2 + f * x ** (k + 1) / 2
    chaos = sp.simplify(sp.diff(series, x).subs(x, 1))
    return sp.simplify(sp.expand_log(-2 * sp.log(sp.Rational(1, 2)) / sp.log(chaos)) - d - shift)


def sine_dual(factor: Any) -> Any:
    """E sin(s u) sin(s v) - e^-a sinh(`factor` a x), a = s^2, from E cos(s z), z = u -+ v."""
    import sympy as sp

    x, s, v = sp.symbols("x s v", positive=True)
    z = sp.Symbol("z", real=True)
    density = sp.exp(-(z**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    mean = sp.simplify(sp.integrate(sp.cos(s * z) * density, (z, -sp.oo, sp.oo)))
    product = (mean.subs(v, 2 - 2 * x) - mean.subs(v, 2 + 2 * x)) / 2
    stated = sp.exp(-(s**2)) * sp.sinh(sp.sympify(factor) * s**2 * x)
    return sp.simplify(sp.expand((product - stated).rewrite(sp.exp)))


def sine_start(limit: Any) -> Any:
    """lim alpha(a), a -> 0, of the sine family, less `limit`."""
    import sympy as sp

    a = sp.Symbol("a", positive=True)
    rate = sp.series(sp.log(sp.series(sp.sinh(a) / a, a, 0, 6).removeO()), a, 0, 4).removeO()
    chaos = sp.series(sp.log(sp.series(a * sp.coth(a), a, 0, 6).removeO()), a, 0, 4).removeO()
    return sp.limit(2 * rate / chaos, a, 0) - limit


def monomial(shift: Any) -> Any:
    """K_{L+1} - Sigma_{L+1} - K_L D'(Sigma_L) of D = x^m, K_L = x^(m^L) (m^(L + c) - 1)/(m - 1).

    c = `shift`; divided by x^(m^(L+1)), plus K_0/x - 1.  Sigma_L = x^(m^L).
    """
    import sympy as sp

    m, depth = sp.symbols("m L", positive=True)

    def ratio(layer: Any) -> Any:
        return (m ** (layer + shift) - 1) / (m - 1)

    layer = sp.simplify(sp.expand((ratio(depth + 1) - 1 - m * ratio(depth)) * (m - 1)))
    return layer + sp.simplify(ratio(0) - 1)


def relu_expansion(kappa: Any) -> Any:
    """Coefficient of t^3 in 1 - D(1 - t^2), less `kappa`, of ReLU: D by integrals over angles."""
    import sympy as sp

    t = sp.Symbol("t", positive=True)
    angle, theta = sp.symbols("phi theta", positive=True)
    # 2 E r^2/(2 pi) int cos(phi) cos(phi - theta) over the angles where both are positive
    product = sp.cos(angle) * sp.cos(angle - theta)
    dual = 2 / sp.pi * sp.integrate(product, (angle, theta - sp.pi / 2, sp.pi / 2))
    turn = 2 * sp.series(sp.asin(t / sp.sqrt(2)), t, 0, 6).removeO()
    gap = sp.series((1 - sp.expand_trig(sp.simplify(dual))).subs(theta, turn), t, 0, 4).removeO()
    return sp.simplify(sp.expand(gap).coeff(t, 3) + kappa)


def critical_slope(ratio: Any) -> Any:
    """Change per layer of K_L - q L, q = `ratio` in s, as L -> infinity: must be 0.

    delta_{l+1} = delta - kappa delta^(1+s) gives delta_l ~ (s kappa l)^(-1/s), so that D'(delta_l)
    = 1 - (1 + s) kappa delta_l^s = 1 - (1 + s)/(s l), and K_{l+1} = 1 - delta + K_l D'.
    """
    import sympy as sp

    s, kappa, depth = sp.symbols("s kappa l", positive=True)
    q = sp.sympify(ratio, locals={"s": s})
    delta_s = 1 / (s * kappa * depth)  # delta_l^s
    step = 1 + q * depth * (1 - (1 + s) * kappa * delta_s) - q * (depth + 1)
    return sp.simplify(step)


def critical_vote(denominator: Any) -> Any:
    """f of K = (1 - q) I + q 1 1^T by Sherman and Morrison, less q S/((1 - q) + `n` q)."""
    import sympy as sp

    q, n, total, y = sp.symbols("q n S y", positive=True)
    weight = sp.Symbol("w")
    # row i of the system: (1 - q) w_i + q W = y_i; summed over i: (1 - q) W + n q W = S
    (all_weights,) = sp.solve((1 - q) * weight + n * q * weight - total, weight)
    stated = q * total / ((1 - q) + sp.sympify(denominator, locals={"n": n}) * q)
    row = (1 - q) * (y - q * all_weights) / (1 - q) + q * all_weights - y
    return sp.simplify(q * all_weights - stated) + sp.simplify(row)


def fixed_point(value: Any) -> Any:
    """D(c) - c for D = (1 + x + 3 x^3)/5, c = `value`."""
    import sympy as sp

    c = sp.sympify(value)
    return sp.simplify((1 + c + 3 * c**3) / 5 - c)


def fixed_tangent(value: Any) -> Any:
    """K - (c + K D'(c)) at the fixed point c = (sqrt(21) - 3)/6 of the same, K = `value`."""
    import sympy as sp

    c = (sp.sqrt(21) - 3) / 6
    k = sp.sympify(value, locals={"c": c})
    return sp.simplify(k - c - k * (1 + 9 * c**2) / 5)


def stable_sign(scale: Any) -> Any:
    """int e^-u sin(c u)/u du - `scale` atan(c): pi s times P(S > 0) - 1/2, c = beta tan(pi s/2)."""
    import sympy as sp

    u, c = sp.symbols("u c", positive=True)
    rate = sp.integrate(sp.exp(-u) * sp.cos(c * u), (u, 0, sp.oo))
    # both sides vanish at c = 0; the derivatives in c are compared
    return sp.simplify(rate - sp.diff(sp.sympify(scale) * sp.atan(c), c))


def example_bayes(risk: Any) -> Any:
    """int min(4 (1 - t)/5, 6 t/5) dt - `risk` over (0, 1)."""
    import sympy as sp

    t, cut = sp.Symbol("t"), sp.Rational(2, 5)
    below = sp.integrate(sp.Rational(6, 5) * t, (t, 0, cut))
    return below + sp.integrate(sp.Rational(4, 5) * (1 - t), (t, cut, 1)) - sp.Rational(risk)


def example_excess(power: Any) -> Any:
    """Risk of "+1 iff t < b", less 6/25 and (b - 2/5)^`power`."""
    import sympy as sp

    t, b = sp.symbols("t b", positive=True)
    risk = sp.integrate(sp.Rational(4, 5) * (1 - t), (t, b, 1))
    risk += sp.integrate(sp.Rational(6, 5) * t, (t, 0, b))
    return sp.expand(risk - sp.Rational(6, 25) - (b - sp.Rational(2, 5)) ** power)


def _cubic(d: Any) -> Any:
    import sympy as sp

    x, q = sp.Symbol("x"), 2 ** (-d / 2)
    return q * x + (1 - 2 * q) * x**2 + q * x**3


def _exponent(series: Any) -> Any:
    import sympy as sp

    x = sp.Symbol("x")
    slope = sp.diff(series, x)
    found = -2 * sp.log(slope.subs(x, 0)) / sp.log(sp.simplify(slope.subs(x, 1)))
    return sp.expand_log(sp.simplify(found), force=True)


def _activation(a: Any) -> Any:
    import sympy as sp

    return sp.expand(sum(a[k] * _hermite(k, sp.Symbol("u")) for k in range(len(a))))


@cache
def _coefficients() -> tuple[Any, ...]:
    import sympy as sp

    return tuple(sp.symbols(f"a:{DEGREE + 1}", real=True))


def _hermite(k: int, u: Any) -> Any:
    """Orthonormal, for the standard normal weight."""
    import sympy as sp

    return sp.expand(sp.hermite_prob(k, u) / sp.sqrt(sp.factorial(k)))


def _mean_of_product(left: Any, right: Any, x: Any) -> Any:
    """E left(u) right(v), polynomials, correlation x."""
    import sympy as sp

    u, w = sp.symbols("u w")
    root = sp.Symbol("root")
    product = sp.expand(left * right.subs(u, x * u + root * w))
    found = _gaussian_mean(_gaussian_mean(product, u), w)
    return sp.expand(found.subs(root, sp.sqrt(1 - x**2)))


def _gaussian_mean(polynomial: Any, u: Any) -> Any:
    import sympy as sp

    total = sp.Integer(0)
    for (k,), c in sp.Poly(polynomial, u).terms():
        if k % 2 == 0:
            total += c * sp.factorial2(k - 1) if k else c
    return sp.expand(total)
