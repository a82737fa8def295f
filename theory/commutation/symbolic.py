r"""Computer-algebra proofs about kernels (claims C1-C3, C7-C9).

Each function takes the constant that the claim states, an int, a Fraction or a text such as "1/2",
and returns the simplified residual, a sympy expression: 0 proves the identity, anything else
refutes the constant.  theta is the angle of two inputs, c = cos theta, as in `theory.commutation`.

Gaussian means come from polar coordinates: (U, V) = r (cos psi, cos(psi - theta)), E r^2 = 2, psi
uniform, so that for homogeneous phi only an integral over psi is left.
"""

from typing import Any


def relu_kernel(constant: Any = "1/2") -> Any:
    """E relu(U) relu(V) minus `constant` f(c), unit variances (C1).

    f(c) = (c arcsin c + sqrt(1 - c^2))/pi + c/2.  Both are positive for theta - pi/2 < psi < pi/2.
    """
    import sympy as sp

    theta = _angle()
    mean = 2 * _over_psi(theta - sp.pi / 2, sp.pi / 2) / (2 * sp.pi)
    c = sp.cos(theta)
    arcsin = sp.pi / 2 - theta  # of cos theta
    f = (c * arcsin + sp.sin(theta)) / sp.pi + c / 2
    return _simple(mean - _number(constant) * f)


def relu_correlation_flow(constant: Any = "1/2", growth: Any = "1/2") -> Any:
    """dc/dt minus `constant` (sin theta - theta cos theta)/pi; q_aa and q_bb may differ (C1).

    From dq_ab/dt = f(c) sqrt(q_aa q_bb)/2 and dq_aa/dt = `growth` q_aa; at growth 1/2 the norms
    cancel out.
    """
    import sympy as sp

    theta, (t, a, b) = _angle(), sp.symbols("t q_aa q_bb", positive=True)
    rate, size = _number(growth), sp.sqrt(a * b)
    mean = 2 * _over_psi(theta - sp.pi / 2, sp.pi / 2) / (2 * sp.pi)
    path = sp.Function("q_ab")(t) / sp.sqrt(a * b * sp.exp(2 * rate * t))
    moved = sp.diff(path, t).subs(sp.Derivative(sp.Function("q_ab")(t), t), size * mean)
    moved = moved.subs(sp.Function("q_ab")(t), size * sp.cos(theta)).subs(t, 0)
    return _simple(moved - _number(constant) * _gap(theta) / sp.pi)


def implicit_time(factor: Any = 2) -> Any:
    """(dt/dtheta_t) (dtheta_t/dt) - 1 for t = `factor` pi int dtheta/(1 - theta cot theta) (C2).

    The integral runs from theta_t to theta_0, and dc/dt = (sin theta - theta cos theta)/(2 pi).
    """
    import sympy as sp

    theta, start, x = _angle(), sp.Symbol("theta_0", positive=True), sp.Symbol("x", positive=True)
    time = _number(factor) * sp.pi * sp.Integral(1 / (1 - x * sp.cot(x)), (x, theta, start))
    pull = _gap(theta) / (2 * sp.pi)
    speed = pull / sp.diff(sp.cos(theta), theta)
    return _simple(sp.diff(time, theta) * speed - 1)


def late_gap(constant: Any = 18) -> Any:
    """lim t^2 (1 - c_t)/pi^2 minus `constant` (C2).

    By l'Hospital's rule t theta_t tends to lim theta^2 (-dt/dtheta) at theta = 0.
    """
    import sympy as sp

    theta = _angle()
    scale = sp.limit(2 * sp.pi * theta**2 / (1 - theta * sp.cot(theta)), theta, 0)
    gap = sp.limit((1 - sp.cos(theta)) / theta**2, theta, 0)
    return sp.simplify(scale**2 * gap / sp.pi**2 - _number(constant))


def opposite_rate(constant: Any = "1/2") -> Any:
    """dc/dt at c = -1 minus `constant` (C2)."""
    import sympy as sp

    theta = _angle()
    pull = _gap(theta) / (2 * sp.pi)
    return sp.simplify(pull.subs(theta, sp.pi) - _number(constant))


def euler_correction(constant: Any = "-1/8") -> Any:
    """lim L ((1 + 1/(2L))^L - e^{1/2}) minus `constant` e^{1/2} (C3)."""
    import sympy as sp

    x = sp.Symbol("x", positive=True)  # 1/L
    root = sp.exp(sp.Rational(1, 2))
    limit = sp.limit(((1 + x / 2) ** (1 / x) - root) / x, x, 0)
    return sp.simplify(limit - _number(constant) * root)


def branch_growth(constant: Any = "1/2") -> Any:
    """lim L^{2 gamma - 1} log(q_L/q_0) minus `constant`, for every gamma > 0 (C7).

    With y = L^{-2 gamma} the product is log(1 + y/2)/y.
    """
    import sympy as sp

    y, gamma, depth = sp.symbols("y gamma L", positive=True)
    product = depth ** (2 * gamma - 1) * depth * sp.log(1 + y / 2)
    ratio = sp.simplify(product.subs(depth, y ** (-1 / (2 * gamma))))
    return sp.simplify(sp.limit(ratio, y, 0) - _number(constant))


def perceptron_second_moment(constant: Any = 5) -> Any:
    """E m^2 - (1 + `constant`/n), m = (2/n) chi^2_K, K ~ Binomial(n, 1/2), every n (C8).

    E chi^2_k squared is k (k + 2) = k (k - 1) + 3 k; factorial moments from E s^K.
    """
    import sympy as sp

    n, s = sp.symbols("n s", positive=True)
    generating = ((1 + s) / 2) ** n
    moments = sp.diff(generating, s, 2) + 3 * sp.diff(generating, s)
    return sp.simplify((2 / n) ** 2 * moments.subs(s, 1) - 1 - _number(constant) / n)


def perceptron_second_moment_at(width: int, constant: Any = 5) -> Any:
    """The same at one width as a sum of rational numbers over K, moments from the Gamma density."""
    import sympy as sp

    def square(k: int) -> Any:
        half = sp.Rational(k, 2)
        return sp.gammasimp(4 * sp.gamma(half + 2) / sp.gamma(half))

    n = sp.Integer(width)
    total = sum(sp.binomial(n, k) * square(k) for k in range(1, width + 1)) / 2**n
    return 4 * total / n**2 - 1 - _number(constant) / n


def input_second_moment(constant: Any = 2) -> Any:
    """E (chi^2_n/n)^2 - (1 + `constant`/n), every n (C8)."""
    import sympy as sp

    n = sp.Symbol("n", positive=True)
    square = sp.gammasimp(4 * sp.gamma(n / 2 + 2) / sp.gamma(n / 2))
    return sp.simplify(square / n**2 - 1 - _number(constant) / n)


def perceptron_angle(constant: Any = 3) -> Any:
    """lim (1/theta' - 1/theta) at theta = 0 minus 1/(`constant` pi), critical ReLU MLP (C8).

    theta' is the angle one layer on, cos theta' = 2 E relu(U) relu(V); so theta_l ~ 3 pi/l.
    """
    import sympy as sp

    theta = _angle()
    cosine = 2 * _over_psi(theta - sp.pi / 2, sp.pi / 2) / sp.pi
    # With 1 - cos theta' = theta'^2/2 + O(theta'^4):
    following = sp.sqrt(2 * sp.series(1 - cosine, theta, 0, 5).removeO())
    step = sp.limit(1 / following - 1 / theta, theta, 0)
    return sp.simplify(step - 1 / (_number(constant) * sp.pi))


def shaped_drift(constant: Any = "1/2", sign: Any = -1) -> Any:
    """lim n (c' - c) minus `constant` S (sin theta - theta cos theta)/pi, S = (c_+ + `sign` c_-)^2.

    c' is one layer of a shaped MLP of slopes 1 + c_+-/sqrt(n) on (C9); E phi_s(U) phi_s(V) is taken
    as it stands: both inputs above 0, both below, and one of each.
    """
    import sympy as sp

    theta, eps = _angle(), sp.Symbol("epsilon", positive=True)  # n^{-1/2}
    plus, minus = sp.symbols("c_+ c_-", real=True)
    up, down = 1 + plus * eps, 1 + minus * eps
    same = _over_psi(theta - sp.pi / 2, sp.pi / 2)
    mixed = _over_psi(sp.pi / 2, theta + sp.pi / 2)
    mean = 2 * ((up**2 + down**2) * same + 2 * up * down * mixed) / (2 * sp.pi)
    following = 2 * mean / (up**2 + down**2)
    change = sp.limit(sp.together(_simple(following - sp.cos(theta))) / eps**2, eps, 0)
    square = (plus + _number(sign) * minus) ** 2
    return _simple(sp.expand(change - _number(constant) * square * _gap(theta) / sp.pi))


def shaped_correlation_drift(constant: Any = "-1/2") -> Any:
    """Drift of rho minus (nu + `constant` rho (1 - rho^2)), in the limit of shaped MLPs (C9)."""
    return _ito("rho", lambda rho, nu: nu + _number(constant) * rho * (1 - rho**2), None)


def shaped_correlation_bracket(power: Any = 2) -> Any:
    """d[rho]/dt minus (1 - rho^2)^`power` (C9)."""
    return _ito("rho", None, lambda rho: (1 - rho**2) ** _number(power))


def shaped_log_drift(constant: Any = -1) -> Any:
    """Drift of log V_aa minus `constant` (C9)."""
    return _ito("log", lambda rho, nu: _number(constant), None)


def shaped_log_bracket(constant: Any = 2) -> Any:
    """d[log V_aa]/dt minus `constant` (C9)."""
    return _ito("log", None, lambda rho: _number(constant))


def shaped_artanh_drift(constant: Any = "1/2") -> Any:
    """Drift of z = artanh rho minus (nu/(1 - rho^2) + `constant` rho) (C9)."""
    return _ito("artanh", lambda rho, nu: nu / (1 - rho**2) + _number(constant) * rho, None)


def _ito(of: str, drift: Any, bracket: Any) -> Any:
    """Drift or bracket of a function of V by Ito's formula, less the claim in terms of rho.

    dV_ab has drift nu sqrt(V_aa V_bb), dV_aa and dV_bb none, and d[V_ab, V_cd]/dt is
    V_ac V_bd + V_ad V_bc.
    """
    import sympy as sp

    a, b = sp.symbols("V_aa V_bb", positive=True)
    rho, nu = sp.symbols("rho nu", real=True)
    ab = sp.Symbol("V_ab", real=True)
    ratio = ab / sp.sqrt(a * b)
    function = {"rho": ratio, "log": sp.log(a), "artanh": sp.atanh(ratio)}[of]
    matrix, pairs = {(0, 0): a, (1, 1): b, (0, 1): ab, (1, 0): ab}, ((0, 0), (1, 1), (0, 1))
    noise = [
        [matrix[i, k] * matrix[j, m] + matrix[i, m] * matrix[j, k] for k, m in pairs]
        for i, j in pairs
    ]
    V = (a, b, ab)
    every = [(i, j) for i in range(3) for j in range(3)]
    if drift is not None:
        found = nu * sp.sqrt(a * b) * sp.diff(function, ab)
        found += sum(noise[i][j] * sp.diff(function, V[i], V[j]) for i, j in every) / 2
        claimed = drift(rho, nu)
    else:
        slope = [sp.diff(function, v) for v in V]
        found = sum(noise[i][j] * slope[i] * slope[j] for i, j in every)
        claimed = bracket(rho)
    return sp.simplify(found.subs(ab, rho * sp.sqrt(a * b)) - claimed)


def _over_psi(low: Any, high: Any) -> Any:
    """Integral of cos psi cos(psi - theta), from its own primitive."""
    import sympy as sp

    theta, psi = _angle(), sp.Symbol("psi", real=True)
    product = (sp.cos(theta) + sp.cos(2 * psi - theta)) / 2
    return sp.integrate(product, (psi, low, high))


def _angle() -> Any:
    import sympy as sp

    return sp.Symbol("theta", positive=True)


def _simple(expression: Any) -> Any:
    import sympy as sp

    return sp.simplify(sp.expand_trig(sp.simplify(expression)))


def _gap(theta: Any) -> Any:
    import sympy as sp

    return sp.sin(theta) - theta * sp.cos(theta)


def _number(constant: Any) -> Any:
    import sympy as sp

    return sp.Rational(constant)
