r"""Computer-algebra proofs of the Ito identities (claims C2, C3, C4, C10, C12).

Each function takes the constant that the claim states and returns the simplified residual, a sympy
expression: 0 proves the identity, anything else refutes the constant.  Constants are converted with
`sympy.nsimplify`, so 0.5, Fraction(1, 2) and "1/2" mean the same.  For dX = s(X) dB, Ito's formula
reads df(X) = f' s dB + (1/2) f'' s^2 dt.
"""

from typing import Any

from theory.depth_limit._common import whole


def gbm_log_drift(mean: Any = "-1/2") -> Any:
    """Width 1, ReLU, X > 0: drift of log X under dX = X dB, minus `mean` (C2)."""
    import sympy as sp

    x = sp.Symbol("x", positive=True)
    return sp.simplify(x**2 * sp.diff(sp.log(x), x, 2) / 2 - _exact(mean))


def gbm_square_growth(rate: Any = 1) -> Any:
    """Drift of X^2 over X^2 under dX = X dB, minus `rate` (C2: E X_t^2 = X_0^2 e^t)."""
    import sympy as sp

    x = sp.Symbol("x", positive=True)
    return sp.simplify(x**2 * sp.diff(x**2, x, 2) / 2 / x**2 - _exact(rate))


def ou_drift(rate: Any = 1) -> Any:
    """Drift of Z = h^{-1}(alpha X + beta) plus `rate` alpha^2 Z (C3)."""
    import sympy as sp

    z, alpha, slope, phi = _ou()
    curvature = sp.diff(slope, z) * slope  # d/dx = (dz/dx) d/dz
    return sp.simplify(phi**2 * curvature / 2 + _exact(rate) * alpha**2 * z)


def ou_noise(coefficient: Any = 1) -> Any:
    """Noise of Z = h^{-1}(alpha X + beta) minus `coefficient` alpha (C3)."""
    import sympy as sp

    _, alpha, slope, phi = _ou()
    return sp.simplify(phi * slope - _exact(coefficient) * alpha)


def ou_variance(decay: Any = 2, level: Any = "1/2") -> Any:
    """v' + 2 alpha^2 v - alpha^2 for v = level (1 - e^{-decay alpha^2 t}), v(0) = 0 (C3)."""
    import sympy as sp

    alpha, t = sp.symbols("alpha t", positive=True)
    v = _exact(level) * (1 - sp.exp(-_exact(decay) * alpha**2 * t))
    return sp.simplify(sp.diff(v, t) + 2 * alpha**2 * v - alpha**2)


def norm_log_drift(active: int, width: int, constant: Any = -1) -> Any:
    """Drift of log|phi(X)| minus (A/2 + `constant`)/n where exactly A = `active` are positive (C4).

    N = x_1^2 + ... + x_A^2 on that open orthant and dX = sqrt(N/n) dB; by symmetry the choice of
    the active coordinates does not matter.
    """
    import sympy as sp

    x, norm, n = _orthant(active, width)
    drift = norm / n * sum(sp.diff(sp.log(norm) / 2, xi, 2) for xi in x) / 2
    return sp.simplify(drift - (sp.Rational(len(x), 2) + _exact(constant)) / n)


def norm_log_bracket(active: int, width: int, power: Any = -1) -> Any:
    """d[log|phi(X)|]/dt minus n^power on the orthant of `norm_log_drift` (C4: noise n^{-1/2})."""
    import sympy as sp

    x, norm, n = _orthant(active, width)
    bracket = norm / n * sum(sp.diff(sp.log(norm) / 2, xi) ** 2 for xi in x)
    return sp.simplify(bracket - sp.Integer(n) ** _exact(power))


def norm_log_drift_any(constant: Any = -1) -> Any:
    """`norm_log_drift` for every A and n at once, by the Laplacian of a radial function (C4).

    On the orthant log|phi| = log r, r the radius in A dimensions, and dX = n^{-1/2} r dB, so the
    drift is (r^2 / 2n) (d^2/dr^2 + ((A-1)/r) d/dr) log r.
    """
    import sympy as sp

    r, a, n = sp.symbols("r A n", positive=True)
    laplacian = sp.diff(sp.log(r), r, 2) + (a - 1) / r * sp.diff(sp.log(r), r)
    return sp.simplify(r**2 / (2 * n) * laplacian - (a / 2 + _exact(constant)) / n)


def norm_log_bracket_any(power: Any = -1) -> Any:
    """`norm_log_bracket` for every A and n at once (C4)."""
    import sympy as sp

    r, n = sp.symbols("r n", positive=True)
    return sp.simplify(r**2 / n * sp.diff(sp.log(r), r) ** 2 - n ** _exact(power))


def relu_variance_rate(rate: Any = "1/2") -> Any:
    """E relu(sqrt(q) g)^2 - `rate` q (C12: q' = q/2)."""
    import sympy as sp

    q, z = sp.symbols("q z", positive=True)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    return sp.simplify(sp.integrate(q * z**2 * density, (z, 0, sp.oo)) - _exact(rate) * q)


def activity_deficit_slope(factor: Any = 1) -> Any:
    """Slope of (theta - sin theta cos theta)/pi minus `factor` times that of its integral (C10).

    With x = cos^2 theta the integral is (1/pi) int_x^1 sqrt((1-y)/y) dy; both vanish at theta = 0,
    so equal slopes prove that the two derivations of a(s) agree.
    """
    import sympy as sp

    theta = sp.Symbol("theta", positive=True)
    closed = sp.diff((theta - sp.sin(theta) * sp.cos(theta)) / sp.pi, theta)
    x = sp.cos(theta) ** 2
    # sqrt((1-x)/x) = tan(theta) on (0, pi/2)
    integral = -sp.diff(x, theta) * sp.tan(theta) / sp.pi
    return sp.simplify(closed - _exact(factor) * integral)


def _ou() -> tuple[Any, Any, Any, Any]:
    """Symbols z, alpha; dz/dx = alpha / h'(z) and phi = e^{z^2}, from h itself."""
    import sympy as sp

    z, u = sp.symbols("z u", real=True)
    alpha = sp.Symbol("alpha", nonzero=True, real=True)
    h = sp.integrate(sp.exp(u**2), (u, 0, z))
    return z, alpha, alpha / sp.diff(h, z), sp.exp(z**2)


def _orthant(active: int, width: int) -> tuple[Any, Any, int]:
    import sympy as sp

    a, n = whole(active, "active"), whole(width, "width")
    if a > n:
        raise ValueError(f"active must be at most the width {n}, not {a}.")
    x = sp.symbols(f"x1:{a + 1}", positive=True)
    return x, sum(xi**2 for xi in x), n


def _exact(constant: Any) -> Any:
    import sympy as sp

    try:
        value = sp.nsimplify(str(constant), rational=True)
    except (sp.SympifyError, TypeError, ValueError) as error:
        raise ValueError(f"a constant must be a number such as '1/2', not {constant!r}.") from error
    if not value.is_number or not value.is_finite:
        raise ValueError(f"a constant must be a finite number such as '1/2', not {constant!r}.")
    return value
