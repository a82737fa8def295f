r"""Computer-algebra proofs about risk, kernels, rules of thumb and collapse (C10 to C16).

Each function takes the constant that the claim states and returns the residual, a sympy
expression: 0 proves the identity, anything else refutes the constant.  For standard normal data
and a typical query (q = 1), s = s_G is the square of h_G, and with w = s/(1 + s)

    2 alpha = log(1 + 1/s) - s/(1 + s)^2 = -log w - w(1 - w),    u* = w(1 + w).
"""

from __future__ import annotations

from typing import Any

from paper_checks.kernel_density.symbolic import distance, rate


def stationary(square: Any) -> Any:
    """h dkappa/dh below h_G, kappa = alpha - 1/2 + log h + u/(2h^2), at h^2 = `square`."""
    import sympy as sp

    s, _, u = _typical()
    h = sp.Symbol("h", positive=True)
    slope = h * sp.diff(sp.log(h) + u / (2 * h**2), h)
    return sp.simplify(slope.subs(h, sp.sqrt(sp.sympify(square, locals={"s": s, "u": u}))))


def least_risk(extra: Any) -> Any:
    """kappa(sqrt u) - (alpha + log(u)/2 + `extra`)."""
    import sympy as sp

    _, _, u = _typical()
    h = sp.sqrt(u)
    return sp.simplify(-sp.Rational(1, 2) + sp.log(h) + u / (2 * h**2) - sp.log(u) / 2 - extra)


def rising_risk(power: Any) -> Any:
    """dkappa/dh - h^3/(1 + h^2)^`power` above h_G: positive at any h."""
    import sympy as sp

    h = sp.Symbol("h", positive=True)
    return sp.simplify(sp.diff(_above(h), h) - h**3 / (1 + h**2) ** power)


def joined(factor: Any, order: int) -> Any:
    """kappa above less kappa below, or their slopes (`order` 1), at h^2 = `factor` s."""
    import sympy as sp

    s, alpha, u = _typical()
    h = sp.Symbol("h", positive=True)
    below = alpha - sp.Rational(1, 2) + sp.log(h) + u / (2 * h**2)
    gap = sp.diff(_above(h) - below, h, order).subs(h, sp.sqrt(factor * s))
    return sp.simplify(sp.expand_log(sp.simplify(gap), force=True))


def optimum_index(power: Any) -> Any:
    """1 - u/s - (s/(1 + s))^`power`: 1 - lambda* at the optimum, E Y_2 there."""
    import sympy as sp

    s, _, u = _typical()
    return sp.simplify(1 - u / s - (s / (1 + s)) ** power)


def many_points(coefficient: Any, of: str) -> Any:
    """First coefficients for E = e^(-2 alpha) -> 0 of (u - E)/E^3, (1 - u/s)/E^2, kappa/E^2,
    (s - E)/E^3, (1 - E/s)/E^2, less `coefficient`."""
    import sympy as sp

    s, alpha, u = _typical()
    e = s / (1 + s) * sp.exp(s / (1 + s) ** 2)
    risk = sp.log(sp.cancel(u * (1 + 1 / s))) / 2 + sp.simplify(alpha - sp.log(1 + 1 / s) / 2)
    quotient = {
        "bandwidth": (u - e) / s**3,
        "index": (1 - u / s) / s**2,
        "risk": risk / s**2,
        "boundary": (s - e) / s**3,
        "scott": (1 - e / s) / s**2,
    }[of]
    return sp.limit(sp.series(quotient, s, 0, 2).removeO(), s, 0) - coefficient


def few_points(coefficients: Any, of: str) -> Any:
    """First terms in y = sqrt(4 alpha/3) -> 0 of h*^2 or kappa - log(2)/2, less those given.

    With e = 1/s: y = e + y_2 e^2 + ..., from alpha = log(1 + e)/2 - e/(2(1 + e)^2).
    """
    import sympy as sp

    e = sp.Symbol("e", positive=True)
    alpha = sp.log(1 + e) / 2 - e / (2 * (1 + e) ** 2)
    u = (2 + e) / (1 + e) ** 2
    y = sp.series(sp.sqrt(sp.series(4 * alpha / (3 * e**2), e, 0, 4).removeO()), e, 0, 3)
    y = sp.expand(e * y.removeO())
    found = {
        "bandwidth": sp.series(u, e, 0, 3).removeO(),
        "risk": sp.series(alpha + sp.log(u) / 2 - sp.log(2) / 2, e, 0, 3).removeO(),
    }[of]
    stated = sum(sp.Rational(c) * y**k for k, c in enumerate(coefficients))
    residual = sp.series(sp.expand(found - stated), e, 0, 3).removeO()
    return sp.expand(residual)


def stationarity(own: Any) -> Any:
    """h d/dh of log sum_j W_j - d log h, less sum p_j r_j^2/h^2 - d, of three points.

    p_j = W_j/(`own` + sum W): 0 leaves the point itself out, 1 keeps it at distance 0.
    """
    import sympy as sp

    h, d = sp.symbols("h d", positive=True)
    squares = sp.symbols("a b c", positive=True)
    weights = [sp.exp(-r / (2 * h**2)) for r in squares]
    slope = h * sp.diff(sp.log(sum(weights)) - d * sp.log(h), h)
    mean = sum(w * r for w, r in zip(weights, squares, strict=True)) / (own + sum(weights))
    return sp.simplify(slope - (mean / h**2 - d))


def kernel_index(power: Any) -> Any:
    """1/(2 s e'(u)) - h^p u^(`power`)/s of the weight exp(-d e), e = (sqrt(u)/h)^p/p."""
    import sympy as sp

    s, h, u, p = sp.symbols("s h u p", positive=True)
    energy = (sp.sqrt(u) / h) ** p / p
    stated = h**p * u ** sp.sympify(power, locals={"p": p}) / s
    return sp.simplify(1 / (2 * s * sp.diff(energy, u)) / stated - 1)


def kernel_threshold(ratio: Any) -> Any:
    """lambda* - 2 at h = `ratio` h_G, h_G^p = s u^(p/2 - 1)."""
    import sympy as sp

    s, u, p = sp.symbols("s u p", positive=True)
    glass = (s * u ** (p / 2 - 1)) ** (1 / p)
    h = sp.sympify(ratio, locals={"p": p}) * glass
    return sp.simplify(sp.expand_power_base(h**p, force=True) * u ** (1 - p / 2) / s) - 2


def kernel_optimum(square: Any) -> Any:
    """h dkappa/dh, kappa = alpha + log h - 1/p + (sqrt(u)/h)^p/p, at h^2 = `square`; any p."""
    import sympy as sp

    s, h, u, p = sp.symbols("s h u p", positive=True)
    slope = h * sp.diff(sp.log(h) + (sp.sqrt(u) / h) ** p / p, h)
    return sp.simplify(slope.subs(h, sp.sqrt(sp.sympify(square, locals={"s": s, "u": u}))))


def kernel_optimum_index(power: Any) -> Any:
    """h^p u^(1 - p/2)/s at h = sqrt(u), less u^`power`/s; any p."""
    import sympy as sp

    s, u, p = sp.symbols("s u p", positive=True)
    return sp.simplify((sp.sqrt(u) ** p * u ** (1 - p / 2) - u**power) / s)


def kernel_least_risk(extra: Any) -> Any:
    """kappa - alpha at h = sqrt(u), less log(u)/2 and `extra`; any p."""
    import sympy as sp

    u, p = sp.symbols("u p", positive=True)
    h = sp.sqrt(u)
    return sp.simplify(sp.log(h) - 1 / p + (sp.sqrt(u) / h) ** p / p - sp.log(u) / 2 - extra)


def one_threshold(numerator: Any, steepest: int) -> Any:
    """`steepest` - dlog u/dlog s, less `numerator`/((1 + s)(1 + s + qs)), any q.

    Positive at 2: u^(1 - p/2)/s falls in u for p >= 1.  Positive at 1: for all p > 0.
    """
    import sympy as sp

    s, q = sp.symbols("s q", positive=True)
    u = distance(s, q)
    stated = sp.sympify(numerator, locals={"s": s, "q": q}) / ((1 + s) * (1 + s + q * s))
    return sp.simplify(steepest - s * sp.diff(u, s) / u - stated)


def kernel_integral(exponent: Any) -> Any:
    """int_0^oo exp(-d^(1 - p/2) r^p/p) r^(d - 1) dr less d^(d/2)/p (p/d)^(`exponent`) Gamma(d/p).

    In t = d^(1 - p/2) r^p/p, of which the integral is that of Gamma.
    """
    import sympy as sp

    d, p, t = sp.symbols("d p t", positive=True)
    r = (p * t * d ** (p / 2 - 1)) ** (1 / p)
    integrand = sp.powsimp(sp.expand_power_base(r ** (d - 1) * sp.diff(r, t), force=True))
    power = sp.simplify(sp.powsimp(integrand / t ** (d / p - 1), force=True))
    stated = d ** (d / 2) / p * (p / d) ** sp.sympify(exponent, locals={"d": d, "p": p})
    return sp.simplify(sp.expand_log(sp.log(power) - sp.log(stated), force=True))


def local_dimension(power: Any) -> Any:
    """-dlog F/dlog W - h^2 D/r^`power`, D = r dlog F/dr, W = exp(-r^2/(2h^2)); any F."""
    import sympy as sp

    r, h = sp.symbols("r h", positive=True)
    f = sp.Function("F", positive=True)(r)
    slope = sp.diff(sp.log(f), r)
    index = slope / sp.diff(r**2 / (2 * h**2), r)
    return sp.simplify(index - h**2 * r * slope / r**power)


def whitened(power: Any) -> Any:
    """(x - y)^2/(h^2 v) - (x/sigma - y/sigma)^2/h^2, v = sigma^`power`: one axis of H."""
    import sympy as sp

    x, y = sp.symbols("x y", real=True)
    sigma, h = sp.symbols("sigma h", positive=True)
    return sp.simplify((x - y) ** 2 / (h**2 * sigma**power) - (x / sigma - y / sigma) ** 2 / h**2)


def scott_below(coefficient: Any) -> Any:
    """d/dw of log(u*) + 2 alpha, w = s/(1 + s), less w(1 + `coefficient` w)/(1 + w).

    It is log(1 + w) - w(1 - w), 0 at w = 0: so h* > e^-alpha.
    """
    import sympy as sp

    w = sp.Symbol("w", positive=True)
    gap = sp.log(1 + w) - w * (1 - w)
    return sp.simplify(sp.diff(gap, w) - w * (1 + coefficient * w) / (1 + w)) + gap.subs(w, 0)


def scott_gap(factor: Any) -> Any:
    """log(u*) + `factor` alpha - (log(1 + w) - w(1 - w)) at w = s/(1 + s)."""
    import sympy as sp

    s, alpha, u = _typical()
    w = s / (1 + s)
    found = sp.log(u) + factor * alpha - sp.log(1 + w) + w * (1 - w)
    return sp.simplify(sp.expand_log(sp.factor(sp.simplify(found)), force=True))


def optimum_below(square: Any) -> Any:
    """1 - u*/s_G - `square` as a function of w = s/(1 + s): positive, so that h* < h_G."""
    import sympy as sp

    s, _, u = _typical()
    return sp.simplify(1 - u / s - sp.sympify(square, locals={"w": s / (1 + s)}))


def mise_index(half: Any) -> Any:
    """h_MISE^2/s = (1 - w)/(e^(-w(1-w)) - `half` w), h_MISE^2 = 1/(e^(2 alpha) - 1/2)."""
    import sympy as sp

    s, alpha, _ = _typical()
    w = s / (1 + s)
    found = 1 / (s * (sp.exp(sp.expand(2 * alpha)) - sp.Rational(1, 2)))
    return sp.simplify(1 / found - (sp.exp(-w * (1 - w)) - half * w) / (1 - w))


def mise_below_two(constant: Any) -> Any:
    """(2 - lambda*)(e^(-w(1 - w)) - w/2) less 2 e^(-w(1 - w)) - `constant`."""
    import sympy as sp

    w = sp.Symbol("w", positive=True)
    decay = sp.exp(-w * (1 - w))
    index = (1 - w) / (decay - w / 2)
    return sp.simplify((2 - index) * (decay - w / 2) - (2 * decay - constant))


def mise_rate(half: Any) -> Any:
    """1/(1 + h^2/2) - (1 - `half` e^(-2 alpha)) at h^2 = 1/(e^(2 alpha) - 1/2)."""
    import sympy as sp

    alpha = sp.Symbol("alpha", positive=True)
    square = 1 / (sp.exp(2 * alpha) - sp.Rational(1, 2))
    return sp.simplify(1 / (1 + square / 2) - (1 - half * sp.exp(-2 * alpha)))


def mise_terms(order: Any) -> Any:
    """The mean integrated squared error over |rho|^2 for d = 1, by Gaussian integrals, less

    1/(n h) + (1 - `order`/n) (1 + h^2)^(-1/2) - 2 (1 + h^2/2)^(-1/2) + 1.
    """
    import sympy as sp

    x = sp.Symbol("x", real=True)
    a, b, h, n = sp.symbols("a b h n", positive=True)
    pair = sp.exp(-(x**2) / (2 * a) - x**2 / (2 * b)) / (2 * sp.pi * sp.sqrt(a * b))
    overlap = sp.simplify(sp.integrate(pair, (x, -sp.oo, sp.oo)))

    def product(first: Any, second: Any) -> Any:
        return overlap.subs({a: first, b: second}, simultaneous=True)

    mean, kernel, one = 1 + h**2, h**2, sp.Integer(1)
    variance = (product(kernel, kernel) - product(mean, mean)) / n
    found = variance + product(mean, mean) - 2 * product(mean, one) + product(one, one)
    stated = 1 / (n * h) + (1 - order / n) / sp.sqrt(mean) - 2 / sp.sqrt(1 + h**2 / 2) + 1
    return sp.simplify(sp.expand(found / product(one, one) - stated))


def planted(q: Any) -> Any:
    """alpha(s, `q`) - log(1 + 1/s)/2."""
    import sympy as sp

    s = sp.Symbol("s", positive=True)
    return sp.simplify(rate(s, sp.sympify(q, locals={"s": s})) - sp.log(1 + 1 / s) / 2)


def planted_direction(query: Any) -> Any:
    """Of a direction of variance v with x_a^2 = `query`: alpha_a(zeta) - log(1 + v/zeta)/2."""
    import sympy as sp

    v, zeta = sp.symbols("v zeta", positive=True)
    chi = sp.sympify(query, locals={"v": v, "zeta": zeta})
    rate = sp.log(1 + v / zeta) / 2 - v / (2 * (zeta + v)) + chi * v / (2 * (zeta + v) ** 2)
    return sp.simplify(rate - sp.log(1 + v / zeta) / 2)


def collapse(offset: Any) -> Any:
    """alpha - log(1 + 1/h^2)/2 at h^2 = 1/(e^(2 alpha) - `offset`)."""
    import sympy as sp

    alpha = sp.Symbol("alpha", positive=True)
    inside = 1 + sp.exp(2 * alpha) - offset
    return sp.simplify(sp.expand_log(alpha - sp.log(sp.simplify(inside)) / 2, force=True))


def collapse_time(factor: Any) -> Any:
    """e^(2 t_C) = 1 + h_C^2 less 1 + 1/(e^(`factor` alpha) - 1)."""
    import sympy as sp

    alpha = sp.Symbol("alpha", positive=True)
    square = 1 / (sp.exp(2 * alpha) - 1)
    return sp.simplify(square - 1 / (sp.exp(factor * alpha) - 1))


def normal_reference(constant: Any) -> Any:
    """Slope of h^-d/n + (h^4/4) d(d + 2)/4 in h, at h^(d + 4) = `constant`/((d + 2) n).

    That is the asymptotic squared error times (4 pi)^(d/2), of N(0, I_d): int K^2 is 1 in these
    units, and int (Laplacian rho)^2 is E |k|^4 = d(d + 2)/4 for k normal of variance 1/2.
    """
    import sympy as sp

    h, d = sp.symbols("h d", positive=True)
    n = sp.sympify(constant, locals={"d": d}) / ((d + 2) * h ** (d + 4))
    size = sp.Symbol("n", positive=True)
    slope = sp.diff(h**-d / size + h**4 / 4 * d * (d + 2) / 4, h)
    return sp.simplify(slope.subs(size, n) / (d * h**3))


def _typical() -> tuple[Any, Any, Any]:
    """s, alpha(s) and u(s) at q = 1."""
    import sympy as sp

    s = sp.Symbol("s", positive=True)
    return s, rate(s, 1), sp.factor(distance(s, 1))


def _above(h: Any) -> Any:
    import sympy as sp

    return sp.log(1 + h**2) / 2 + 1 / (2 * (1 + h**2)) - sp.Rational(1, 2)
