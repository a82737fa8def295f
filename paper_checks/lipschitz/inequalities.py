r"""The matrix inequalities of LipSDP and what they say, by computer algebra (C6).

    M = rho |x|^2 - |C xi|^2 - sum of constraints,  each >= 0,  so M >= 0 proves |f|^2 <= rho |x|^2

The identities are polynomial in all entries; small sizes stand for all.  Wrong matrices are refuted
by exact numbers: M >= 0 holds, and yet |f|^2 > rho |x|^2.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

from paper_checks.core import Claim, Verdict
from paper_checks.identities import proved
from paper_checks.lipschitz.brackets import Bracket, exactly, within

_SOURCES = ("arXiv:1906.04893, theorem 2", "arXiv:2401.14033, theorem 2")


def _matrix(name: str, rows: int, columns: int) -> Any:
    import sympy as sp

    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i}{j}", real=True))


def _square(form: Any, vector: Any) -> Any:
    return (vector.T * form * vector)[0]


def _number(constant: Any) -> Any:
    import sympy as sp

    return sp.sympify(constant)


# --- (a) feed-forward, slopes --------------------------------------------------------------------


def _feed_forward(constant: Any, transposed: Any = 0) -> Any:
    """xi^T M xi - (rho |x|^2 - |W_3 e_2|^2 - 2 sum l_i e_i (v_i - e_i)), two hidden layers of two.

    M has c L_k on the diagonal and -L_k W_k below it, or -W_k^T L_k.
    """
    import sympy as sp

    x, e1, e2 = (_matrix(name, 2, 1) for name in ("x", "e", "f"))
    w1, w2, w3 = _matrix("u", 2, 2), _matrix("v", 2, 2), _matrix("w", 1, 2)
    l1, l2 = (sp.diag(*_matrix(name, 2, 1)) for name in ("l", "m"))
    rho, c = sp.Symbol("rho", real=True), _number(constant)
    below = [w.T * k if transposed else k * w for k, w in ((l1, w1), (l2, w2))]
    none = sp.zeros(2, 2)
    m = sp.BlockMatrix(
        [
            [rho * sp.eye(2), -below[0].T, none],
            [-below[0], c * l1, -below[1].T],
            [none, -below[1], c * l2 - w3.T * w3],
        ]
    ).as_explicit()
    constraints = 2 * (_square(l1, e1) + _square(l2, e2))
    constraints -= 2 * (e1.T * l1 * w1 * x + e2.T * l2 * w2 * e1)[0]
    claimed = rho * x.dot(x) - (w3 * e2).dot(w3 * e2) + constraints
    return sp.expand(_square(m, sp.Matrix([x, e1, e2])) - claimed)


def _orientation(constant: Any) -> Any:
    """The same with the factor 2 and, for c = 1, W^T L in place of L W."""
    return _feed_forward(2, constant)


def _factor(constant: Any) -> Any:
    """c l e^2 - 2 l e v - c l e (e - (k / c) v) with the constant k."""
    import sympy as sp

    number, e, v, c = sp.symbols("l e v c", positive=True)
    return sp.expand(
        c * number * e**2 - 2 * number * e * v - c * number * e * (e - _number(constant) / c * v)
    )


def _slopes(constant: Any) -> Any:
    """xi^T (p q^T + q p^T) xi - c (e - a v)(e - b v), p = e_i - a r, q = e_i - b r, v = r . xi."""
    import sympy as sp

    a, b = sp.symbols("a b", real=True)
    xi, r, unit = _matrix("x", 4, 1), _matrix("r", 4, 1), sp.Matrix([0, 0, 0, 1])
    p, q = unit - a * r, unit - b * r
    e, v = xi[3], r.dot(xi)
    form = _square(p * q.T + q * p.T, xi)
    return sp.expand(form - _number(constant) * (e - a * v) * (e - b * v))


def _centred(constant: Any) -> Any:
    """(e - a v)(b v - e) - c h^2 (v^2 - y^2) for e = m v + h y, 2 m = a + b, 2 h = b - a."""
    import sympy as sp

    a, b, v, y = sp.symbols("a b v y", real=True)
    e = (a + b) / 2 * v + (b - a) / 2 * y
    claimed = _number(constant) * (b - a) ** 2 / 4 * (v**2 - y**2)
    return sp.expand((e - a * v) * (b * v - e) - claimed)


# --- (b) chains, (c) residual, (d) implicit -------------------------------------------------------


def _chain(constant: Any) -> Any:
    """rho |x|^2 - |W_2 z|^2 less the sum of

    x^T (rho I - W_1^T T W_1) x, z^T (T - W_2^T W_2) z and v^T T v - c z^T T z.
    """
    import sympy as sp

    rho = sp.Symbol("rho", real=True)
    x, z = _matrix("x", 2, 1), _matrix("z", 2, 1)
    w1, w2 = _matrix("u", 2, 2), _matrix("w", 2, 2)
    t = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"t{min(i, j)}{max(i, j)}", real=True))
    v = w1 * x
    gaps = _square(rho * sp.eye(2) - w1.T * t * w1, x) + _square(t - w2.T * w2, z)
    gaps += _square(t, v) - _number(constant) * _square(t, z)
    return sp.expand(rho * x.dot(x) - (w2 * z).dot(w2 * z) - gaps)


def _residual(constant: Any) -> Any:
    """The output and second row of two blocks x <- H x + G e, against rows on (x, e_1, e_2).

    The constant stands before the term H_2 G_1 e_1 of the output.
    """
    import sympy as sp

    x, e1, e2 = (_matrix(name, 2, 1) for name in ("x", "e", "f"))
    h1, h2, g1, g2 = (_matrix(name, 2, 2) for name in ("h", "k", "g", "m"))
    z = h1 * x + g1 * e1
    rows = (h2 * h1).row_join(_number(constant) * h2 * g1).row_join(g2)
    gap = h2 * z + g2 * e2 - rows * sp.Matrix([x, e1, e2])
    return sp.expand(sum(entry**2 for entry in gap))


def _implicit(constant: Any) -> Any:
    """2 sum l_i y_i ((J y)_i - y_i) + y^T (c L - L J - J^T L) y."""
    import sympy as sp

    y, j = _matrix("y", 3, 1), _matrix("j", 3, 3)
    numbers = sp.diag(*_matrix("l", 3, 1))
    form = 2 * (y.T * numbers * (j * y - y))[0]
    return sp.expand(form + _square(_number(constant) * numbers - numbers * j - j.T * numbers, y))


# --- wrong matrices ------------------------------------------------------------------------------


def _one_unit(factor: int, number: str, rho: str) -> Bracket:
    """|f|^2 / |x|^2 of f = relu, where [[rho, -l], [-l, c l - 1]] >= 0 is checked."""
    import sympy as sp

    square, multiplier = sp.Rational(rho), sp.Rational(number)
    m = sp.Matrix([[square, -multiplier], [-multiplier, factor * multiplier - 1]])
    return _refuting(m, Fraction(1))


def _transposed(rho: str, numbers: tuple[int, int]) -> Bracket:
    """|f|^2 / |x|^2 of f = relu(x_1 + x_2) at (1, 1), with W = [[1, 1], [0, 0]] and -W^T L in M."""
    import sympy as sp

    w, out = sp.Matrix([[1, 1], [0, 0]]), sp.Matrix([[1, 0]])
    multipliers = sp.diag(*numbers)
    below = -w.T * multipliers
    blocks = [[sp.Rational(rho) * sp.eye(2), below.T], [below, 2 * multipliers - out.T * out]]
    return _refuting(sp.BlockMatrix(blocks).as_explicit(), Fraction(2))


def _refuting(m: Any, square: Fraction) -> Bracket:
    """The square of the gain; ValueError where the matrix inequality does not hold."""
    if not m.is_positive_semidefinite:
        raise ValueError("the matrix of the example is not positive semidefinite.")
    return exactly(square)


CLAIMS = (
    Claim(
        id="lipschitz/C6.feed_forward",
        source=_SOURCES[0],
        provenance="recalled",
        kind="theorem",
        statement=(
            r"With the blocks $\rho I$, $2\Lambda_1$, $2\Lambda_2 - W_3^\top W_3$ and "
            r"$-\Lambda_kW_k$ below them, $\xi^\top M\xi = \rho|x|^2 - |W_3e_2|^2 - 2\sum\lambda_i"
            r"e_i(v_i - e_i)$ (two units in both hidden layers), so $M \succeq 0$ proves "
            r"$|\Delta f|^2 \le \rho|\Delta x|^2$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("the diagonal", _feed_forward, 2, {"factor 2 forgotten": 1, "4": 4}),
            proved("below the diagonal", _orientation, 0, {"transposed products": 1}),
        ),
    ),
    Claim(
        id="lipschitz/C6.slopes",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"$p_iq_i^\top + q_ip_i^\top$ with $p = e_i - ar_i$, $q = e_i - br_i$ is the form "
            r"$2(e_i - av_i)(e_i - bv_i)$; slopes in $[a,b]$ are $e = \frac{a+b}2v + \frac{b-a}2y$ "
            r"with slopes of $y$ in $[-1,1]$, up to a factor of $\lambda$; and $c\Lambda$ in place "
            r"of $2\Lambda$ is the inequality for slopes in $[0, 2/c]$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("p q^T + q p^T", _slopes, 2, {"1": 1, "sign": -2}),
            proved("centred slopes", _centred, 1, {"2": 2, "sign": -1}),
            proved("another factor", _factor, 2, {"[0, 1/c]": 1, "[0, 4/c]": 4}),
        ),
    ),
    Claim(
        id="lipschitz/C6.chain",
        source=_SOURCES[1],
        provenance="confirmed-in-source",
        kind="theorem",
        statement=(
            r"$\rho|x|^2 - |W_2z|^2 = x^\top(\rho I - W_1^\top TW_1)x + z^\top(T - W_2^\top W_2)z "
            r"+ v^\top Tv - z^\top Tz$ with $v = W_1x$, so the chain of matrix inequalities with "
            r"$z^\top Tz \le v^\top Tv$ proves the bound (two units in each layer)."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("one hidden layer", _chain, 1, {"2": 2, "sign": -1}),),
    ),
    Claim(
        id="lipschitz/C6.stacked",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The output of two residual blocks $x \leftarrow H_kx + G_ke_k$ is $[H_2H_1, H_2G_1, "
            r"G_2]$ on $(x, e_1, e_2)$; and for two solutions of $e = \phi(Je + Ux)$ at one $x$, "
            r"slopes in $[0,1]$, the constraint is $-y^\top(2\Lambda - \Lambda J - J^\top\Lambda)"
            r"y$, so that a positive definite block makes them equal."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("residual, widths of two", _residual, 1, {"skip forgotten": 0, "sign": -1}),
            proved("implicit, three units", _implicit, 2, {"factor 2 forgotten": 1, "4": 4}),
        ),
    ),
    Claim(
        id="lipschitz/C6.wrong",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"$M \succeq 0$ proves $|\Delta f|^2 \le \rho|\Delta x|^2$ also with $4\Lambda$ in "
            r"place of $2\Lambda$ (ReLU itself, $\lambda = \frac12$, $\rho = \frac14$), or with "
            r"$-W^\top\Lambda$ in place of $-\Lambda W$ ($\mathrm{relu}(x_1 + x_2)$, "
            r"$\rho = \frac32$)."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C6.feed_forward",
        method="exact",
        cases=(
            within("4 L", partial(_one_unit, 4, "1/2", "1/4"), None, "1/4"),
            within("transposed", partial(_transposed, "3/2", (1, 10)), None, "3/2"),
        ),
    ),
)
