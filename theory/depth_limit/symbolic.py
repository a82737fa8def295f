r"""Computer-algebra proofs of the Ito identities (claims C2-C4, C10, C12, C14, C17, C18, C20-C22).

Each function takes the constant that the claim states and returns the simplified residual, a sympy
expression: 0 proves the identity, anything else refutes the constant.  Constants are converted with
`sympy.nsimplify`, so 0.5, Fraction(1, 2) and "1/2" mean the same.  For dX = s(X) dB, Ito's formula
reads df(X) = f' s dB + (1/2) f'' s^2 dt.

Every width at once: generators here are sums over coordinates, so an identity of such sums is
proved for one coordinate x, the others entering through a symbol for the rest of the sum.
"""

from typing import Any

from theory._checks import whole


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


def two_slope_log_drift(constant: Any = -1) -> Any:
    """Drift of log|phi(X)| that one coordinate x of slope a adds, any n, minus the claim's (C17).

    The claim: mu = sum_i a_i^2/2 + `constant` sum_i a_i^4 x_i^2 / N, and drift mu/n.
    """
    import sympy as sp

    x, a = sp.symbols("x a", real=True)
    return sp.simplify(_log_drift(a * x, x, a**2 / 2, _exact(constant)))


def smooth_log_drift(constant: Any = -1, curvature: Any = "1/2") -> Any:
    """The same for any twice differentiable phi (C18).

    The claim: mu = sum_i (phi_i'^2/2 + `curvature` phi_i phi_i'') + `constant` sum_i
    phi_i^2 phi_i'^2 / N.
    """
    import sympy as sp

    x = sp.Symbol("x", real=True)
    phi = sp.Function("phi", real=True)(x)
    gain = sp.diff(phi, x) ** 2 / 2 + _exact(curvature) * phi * sp.diff(phi, x, 2)
    return sp.simplify(_log_drift(phi, x, gain, _exact(constant)))


def smooth_log_bracket(power: Any = -1) -> Any:
    """Bracket of log|phi| that one coordinate adds, minus n^`power` phi^2 phi'^2/N (C17, C18)."""
    import sympy as sp

    x = sp.Symbol("x", real=True)
    n, rest = sp.symbols("n rest", positive=True)
    phi = sp.Function("phi", real=True)(x)
    norm = phi**2 + rest
    bracket = norm / n * sp.diff(sp.log(norm) / 2, x) ** 2
    claimed = n ** _exact(power) * phi**2 * sp.diff(phi, x) ** 2 / norm
    return sp.simplify(bracket - claimed)


def equal_slopes_log_drift(constant: Any = -1) -> Any:
    """mu of C17 for slopes 1 and +-1 minus n/2 + `constant`: the sums are n/2 and N/N."""
    import sympy as sp

    n, norm = sp.symbols("n N", positive=True)
    return sp.simplify(n * sp.Rational(1, 2) - norm / norm - (n / 2 + _exact(constant)))


def radial_log_drift(constant: Any = -2) -> Any:
    """Drift of log|V| under dV = (k/n)^{1/2} dB minus (n + `constant`)/(2n) k/|V|^2 (C20, C21).

    V = X with k = |phi(X)|^2, or V a tangent with k = |phi'(X) V|^2; any n, by the Laplacian of a
    radial function.
    """
    import sympy as sp

    r, n, k = sp.symbols("r n k", positive=True)
    laplacian = sp.diff(sp.log(r), r, 2) + (n - 1) / r * sp.diff(sp.log(r), r)
    return sp.simplify(k / (2 * n) * laplacian - (n + _exact(constant)) / (2 * n) * k / r**2)


def radial_log_bracket(power: Any = -1) -> Any:
    """d[log|V|]/dt minus n^`power` k/|V|^2, as in `radial_log_drift` (C20, C21)."""
    import sympy as sp

    r, n, k = sp.symbols("r n k", positive=True)
    return sp.simplify(k / n * sp.diff(sp.log(r), r) ** 2 - n ** _exact(power) * k / r**2)


def one_layer_growth(factor: Any = 1) -> Any:
    """Slope in x of log x + `factor` E_1(x) minus E 1/(1 + J), J ~ Poisson(x) (C20, width 2).

    |y + sigma z|^2 = 2 sigma^2 Gamma(1 + J) with x = |y|^2/(2 sigma^2), and E psi(1 + J) has that
    slope; both sides are log x + o(1) for large x.
    """
    import sympy as sp

    x = sp.Symbol("x", positive=True)
    j = sp.Symbol("j", integer=True, nonnegative=True)
    mean = sp.exp(-x) * sp.summation(x**j / sp.factorial(j) / (1 + j), (j, 0, sp.oo))
    slope = sp.diff(sp.log(x) + _exact(factor) * sp.expint(1, x), x)
    return sp.simplify(slope - mean)


def determinant_log_drift(width: int, constant: Any = "-1/2") -> Any:
    """Drift of log|det J| under dJ = n^{-1/2} dB D J minus (`constant`/n) sum_i D_i^2 (C21).

    Each entry B_ij moves J along e_i e_j^T D J; J and D = diag(D_1..D_n) are arbitrary symbols.
    """
    import sympy as sp

    n = whole(width, "width")
    h = sp.Symbol("h")
    jacobian = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"J{i}_{j}"))
    slopes = sp.symbols(f"D1:{n + 1}", real=True)
    moved = sp.diag(*slopes) * jacobian
    whole_drift = sp.Integer(0)
    for i in range(n):
        for j in range(n):
            unit = sp.Matrix(n, n, lambda k, m, i=i, j=j: int((k, m) == (i, j)))
            determinant = (jacobian + h * unit * moved).det(method="berkowitz")
            second = sp.diff(sp.log(determinant), h, 2).subs(h, 0)
            whole_drift += sp.cancel(second) / (2 * n)
    return sp.simplify(whole_drift - _exact(constant) / n * sum(d**2 for d in slopes))


def determinant_log_drift_any(constant: Any = "-1/2") -> Any:
    """The same for every n, by det(I + h u v^T) = 1 + h v^T u with u = e_i, v = D e_j.

    Only i = j moves the determinant: one neuron of slope d adds (1/2n) (log(1 + h d))'' at h = 0.
    """
    import sympy as sp

    h, d = sp.symbols("h d", real=True)
    n = sp.Symbol("n", positive=True)
    drift = sp.diff(sp.log(1 + h * d), h, 2).subs(h, 0) / (2 * n)
    return sp.simplify(drift - _exact(constant) / n * d**2)


def correlation_drift(square: Any = 1) -> Any:
    """Drift of c minus (n - 2 + `square` c^2) m_ab - (n-1) c (m_a + m_b)/2, any n >= 2 (C22)."""
    import sympy as sp

    n, c, derivative, (m_a, m_b, m_ab), speeds = _two_vectors()
    g_aa, g_bb, g_ab = speeds

    def coordinate(i: int) -> Any:
        pure = g_aa * derivative((0, i), (0, i)) + g_bb * derivative((1, i), (1, i))
        return pure / 2 + g_ab * derivative((0, i), (1, i))

    drift = coordinate(0) + coordinate(1) + (n - 2) * coordinate(2)
    claimed = (n - 2 + _exact(square) * c**2) * m_ab - (n - 1) * c * (m_a + m_b) / 2
    return sp.simplify(drift - claimed)


def correlation_bracket(cross: Any = -2) -> Any:
    """d[c]/dt minus (1 - c^2) (m_a + m_b + `cross` c m_ab), any n >= 2 (C22)."""
    import sympy as sp

    n, c, derivative, (m_a, m_b, m_ab), (g_aa, g_bb, g_ab) = _two_vectors()

    def coordinate(i: int) -> Any:
        by_a, by_b = derivative((0, i)), derivative((1, i))
        return g_aa * by_a**2 + 2 * g_ab * by_a * by_b + g_bb * by_b**2

    bracket = coordinate(0) + coordinate(1) + (n - 2) * coordinate(2)
    claimed = (1 - c**2) * (m_a + m_b + _exact(cross) * c * m_ab)
    return sp.simplify(bracket - claimed)


def stationary_drift(rate: Any = "-1/2") -> Any:
    """Generator of Z = u^{-1/2} W(u) in log u, minus f''/2 + `rate` z f', per coordinate (C14)."""
    import sympy as sp

    w, z, s = sp.symbols("w z s", real=True)
    f = sp.Function("f")
    # d/ds at fixed w, and du = e^s ds of heat flow for W, both at w = e^{s/2} z.
    path = f(w * sp.exp(-s / 2))
    flow = (sp.diff(path, s) + sp.exp(s) * sp.diff(path, w, 2) / 2).subs(w, z * sp.exp(s / 2))
    claimed = sp.diff(f(z), z, 2) / 2 + _exact(rate) * z * sp.diff(f(z), z)
    return sp.simplify(flow.doit() - claimed)


def stationary_symmetry(factor: Any = "1/2") -> Any:
    """(f''/2 - z f'/2) p minus `factor` (p f')', p the normal density (C14).

    So the generator L has int g L f dP = -(1/2) int g' f' dP: it is its own adjoint, and the
    density h of Z solves dh/dt = (1/n) L(N h).
    """
    import sympy as sp

    z = sp.Symbol("z", real=True)
    f = sp.Function("f")(z)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    generator = (sp.diff(f, z, 2) - z * sp.diff(f, z)) / 2
    return sp.simplify(generator * density - _exact(factor) * sp.diff(density * sp.diff(f, z), z))


def stationary_clock(power: Any = 1) -> Any:
    """d(log u)/dt minus (|phi(Z)|^2/n)^`power`, per coordinate: phi has slopes 1 and a (C14).

    X_t = W(u) runs at du/dt = |phi(W)|^2/n, and W = u^{1/2} Z.
    """
    import sympy as sp

    z = sp.Symbol("z", real=True)
    n, u, a = sp.symbols("n u a", positive=True)

    def square(x: Any) -> Any:
        return sp.Piecewise((x**2, z > 0), (a**2 * x**2, True))  # sign(x) = sign(z)

    speed = square(sp.sqrt(u) * z) / n / u
    return sp.simplify(sp.piecewise_fold(speed - (square(z) / n) ** _exact(power)))


def _ou() -> tuple[Any, Any, Any, Any]:
    """Symbols z, alpha; dz/dx = alpha / h'(z) and phi = e^{z^2}, from h itself."""
    import sympy as sp

    z, u = sp.symbols("z u", real=True)
    alpha = sp.Symbol("alpha", nonzero=True, real=True)
    h = sp.integrate(sp.exp(u**2), (u, 0, z))
    return z, alpha, alpha / sp.diff(h, z), sp.exp(z**2)


def _log_drift(phi: Any, x: Any, gain: Any, constant: Any) -> Any:
    """(N/2n) d^2/dx^2 log N^{1/2} - (gain + constant phi^2 phi'^2/N)/n, N = phi(x)^2 + rest."""
    import sympy as sp

    n, rest = sp.symbols("n rest", positive=True)
    norm = phi**2 + rest
    drift = norm / (2 * n) * sp.diff(sp.log(norm) / 2, x, 2)
    return drift - (gain + constant * phi**2 * sp.diff(phi, x) ** 2 / norm) / n


def _two_vectors() -> tuple[Any, Any, Any, Any, Any]:
    """n; c, its derivatives in the coordinates, (m_a, m_b, m_ab) and (G_aa, G_bb, G_ab) at a point.

    The generator commutes with rotations that turn both vectors, so both may lie in the plane of
    the first two coordinates, X^a along the first; the other n - 2 coordinates are then alike, and
    the third stands for each of them.
    """
    import sympy as sp

    vectors = [sp.symbols(f"{name}1:4", real=True) for name in "ab"]
    a, b = vectors
    dot, aa, bb = (sum(map(sp.Mul, u, v)) for u, v in ((a, b), (a, a), (b, b)))
    correlation = dot / sp.sqrt(aa * bb)
    size = sp.Symbol("r", positive=True)
    point = {a[0]: size, a[1]: 0, a[2]: 0, b[2]: 0}

    def derivative(*where: tuple[int, int]) -> Any:
        return sp.diff(correlation, *(vectors[v][i] for v, i in where)).subs(point)

    speeds = sp.symbols("G_aa G_bb G_ab", real=True)
    sizes = (aa, bb, sp.sqrt(aa * bb))
    ratios = tuple(g / s.subs(point) for g, s in zip(speeds, sizes, strict=True))
    n = sp.Symbol("n", positive=True)
    return n, correlation.subs(point), derivative, ratios, speeds


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
