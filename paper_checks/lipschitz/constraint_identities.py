r"""Why the quadratic constraints hold (C1 to C4), by computer algebra.

Each function takes the constant that a claim states and returns a residual: 0 proves the identity.
Together with the words of the claim that is the whole proof.  dv and df are increments of the
pre-activations and of the activation phi of one group.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

from paper_checks.core import Case, Claim, Verdict
from paper_checks.identities import proved

_MULTIPLIERS = "lambda gamma nu tau"


def _real(names: str) -> Any:
    import sympy as sp

    return sp.symbols(names, real=True)


def _column(name: str, size: int) -> Any:
    import sympy as sp

    return sp.Matrix(sp.symbols(f"{name}1:{size + 1}", real=True))


def _number(constant: Any) -> Any:
    import sympy as sp

    return sp.sympify(constant)


# --- slopes --------------------------------------------------------------------------------------


def _factorised(constant: Any) -> Any:
    """(df - a dv)(b dv - df) - c t (1 - t)(b - a)^2 dv^2 for df = (a + t (b - a)) dv."""
    import sympy as sp

    a, b, t, dv = _real("a b t dv")
    df = (a + t * (b - a)) * dv
    square = t * (1 - t) * (b - a) ** 2 * dv**2
    return sp.expand((df - a * dv) * (b * dv - df) - _number(constant) * square)


def _block_form(constant: Any) -> Any:
    """[dv; df]^T [[-2ab T, (a+b) T], [(a+b) T, -2T]] [dv; df] - c sum l_i q_i, T = diag(l)."""
    import sympy as sp

    a, b = _real("a b")
    dv, df, numbers = (_column(name, 3) for name in ("v", "f", "l"))
    t = sp.diag(*numbers)
    first = -2 * a * b * (dv.T * t * dv)[0]
    form = first + 2 * (a + b) * (dv.T * t * df)[0] - 2 * (df.T * t * df)[0]
    pairs = zip(numbers, dv, df, strict=True)
    return sp.expand(
        form - _number(constant) * sum(n * (f - a * v) * (b * v - f) for n, v, f in pairs)
    )


def _entry(constant: Any) -> Any:
    """The block form of slopes [0, 1] with T = diag(l) + c off the diagonal, less 2 sum l_i q_i."""
    import sympy as sp

    dv, df, numbers = (_column(name, 2) for name in ("v", "f", "l"))
    t = sp.diag(*numbers) + _number(constant) * sp.Matrix([[0, 1], [1, 0]])
    form = 2 * (dv.T * t * df)[0] - 2 * (df.T * t * df)[0]
    return sp.expand(form - 2 * sum(numbers[i] * df[i] * (dv[i] - df[i]) for i in range(2)))


# --- groups --------------------------------------------------------------------------------------


def _form(dv: Any, df: Any, passed: Any, corner: Any = -2) -> Any:
    """The block form with T = lambda I + gamma E, S = nu E, P = tau E; `corner`: of P at df, df."""
    import sympy as sp

    size = len(dv)
    number, gamma, nu, tau = _real(_MULTIPLIERS)
    t, s, p = number * sp.eye(size) + gamma * passed, nu * passed, tau * passed
    mixed = 2 * (dv.T * (p + s) * df)[0]
    return (dv.T * (t - 2 * s) * dv)[0] + mixed + (df.T * (-t + _number(corner) * p) * df)[0]


def _sorted_form(constant: Any, size: int, corner: Any = -2) -> Any:
    """The form less lambda (|dv|^2 - |df|^2), where the sum of df is c times that of dv."""
    import sympy as sp

    dv, df = _column("v", size), _column("f", size)
    df[0] = _number(constant) * sum(dv) - sum(df[1:])
    rest = _form(dv, df, sp.ones(size, size), corner) - _real("lambda") * (dv.dot(dv) - df.dot(df))
    return sp.expand(rest)


def _exchange(constant: Any) -> Any:
    """(v1 w2 + v2 w1) - (v1 w1 + v2 w2) - c (v2 - v1)(w1 - w2)."""
    import sympy as sp

    v1, v2, w1, w2 = _real("v1 v2 w1 w2")
    gain = v1 * w2 + v2 * w1 - v1 * w1 - v2 * w2
    return sp.expand(gain - _number(constant) * (v2 - v1) * (w1 - w2))


def _contraction(constant: Any) -> Any:
    """|v - w|^2 - |pv - pw|^2 - c (pv . pw - v . w) for orderings that keep both norms."""
    import sympy as sp

    v, w, sv, sw = (_column(name, 3) for name in ("v", "w", "a", "b"))
    gap = (v - w).dot(v - w) - (sv - sw).dot(sv - sw) - _number(constant) * (sv.dot(sw) - v.dot(w))
    kept = v.dot(v) - sv.dot(sv) + w.dot(w) - sw.dot(sw)
    return sp.expand(gap - kept)


def _redundant(constant: Any) -> Any:
    """Sum of squared differences of the entries of the blocks of (gamma, nu, tau) and
    (0, nu - c gamma, tau + c gamma)."""
    import sympy as sp

    number, gamma, nu, tau = _real(_MULTIPLIERS)
    ones, eye = sp.ones(3, 3), sp.eye(3)

    def blocks(x: Any, y: Any, z: Any) -> Any:
        t, s, p = number * eye + x * ones, y * ones, z * ones
        return sp.BlockMatrix([[t - 2 * s, p + s], [p + s, -t - 2 * p]]).as_explicit()

    shift = _number(constant) * gamma
    gap = blocks(gamma, nu, tau) - blocks(0, nu - shift, tau + shift)
    return sp.expand(sum(entry**2 for entry in gap))


def _passing(constant: Any) -> Any:
    """The form at df = c dv, three units."""
    import sympy as sp

    dv = _column("v", 3)
    return sp.expand(_form(dv, _number(constant) * dv, sp.ones(3, 3)))


def _own(constant: Any) -> Any:
    """The form at dv = 0 and df = (y1, y2, -y1 - y2), less c lambda |df|^2."""
    import sympy as sp

    y1, y2 = _real("y1 y2")
    df = sp.Matrix([y1, y2, -y1 - y2])
    form = _form(sp.zeros(3, 1), df, sp.ones(3, 3))
    return sp.expand(form - _number(constant) * _real("lambda") * df.dot(df))


_U = (1, 2, 3)


def _reflected_form(constant: Any) -> Any:
    """The form less lambda (|dv|^2 - |df|^2) with df = v - R w, but E df is c E dv.

    v and w are on the two sides of the plane that R reflects at, whose normal is u ~ (1, 2, 3).
    """
    import sympy as sp

    u = sp.Matrix(_U)
    along = u * u.T / u.dot(u)
    passed = sp.eye(3) - along
    v, w = _column("v", 3), _column("w", 3)
    dv = v - w
    df = _number(constant) * passed * dv + along * (v + w)
    return sp.expand(_form(dv, df, passed) - _real("lambda") * (dv.dot(dv) - df.dot(df)))


def _across(constant: Any) -> Any:
    """|v - w|^2 - |v - R w|^2 - c (u . v)(u . w) / |u|^2 for any two numbers u."""
    import sympy as sp

    u, v, w = (_column(name, 2) for name in ("u", "v", "w"))
    image = w - 2 * u * u.dot(w) / u.dot(u)
    gap = (v - w).dot(v - w) - (v - image).dot(v - image)
    return sp.simplify(gap - _number(constant) * u.dot(v) * u.dot(w) / u.dot(u))


# --- in the basis of the group -------------------------------------------------------------------


def _rotated(matrix: Any, size: int) -> Any:
    """Q matrix Q^T with Q the mean direction and the Helmert rows."""
    import sympy as sp

    rows = [[1] * size, *([-1] * k + [k] + [0] * (size - k - 1) for k in range(1, size))]
    q = sp.Matrix([sp.Matrix([row]) / sp.sqrt(sum(x * x for x in row)) for row in rows])
    return (q * matrix * q.T).applyfunc(sp.nsimplify)


def _gap(found: Any, expected: Any) -> Any:
    import sympy as sp

    return sp.simplify(sum(entry**2 for entry in found - expected))


def _maxmin(constant: Any) -> Any:
    """The swap of two units in the basis (s, d), against diag(1, c)."""
    import sympy as sp

    return _gap(_rotated(sp.Matrix([[0, 1], [1, 0]]), 2), sp.diag(1, _number(constant)))


def _householder(constant: Any) -> Any:
    """I - 2 u u^T, u = (1, 2, 3) / sqrt 14, in a basis with u first, against diag(c, 1, 1)."""
    import sympy as sp

    rows = [sp.Matrix([row]) for row in (_U, (2, -1, 0), (3, 6, -5))]
    q = sp.Matrix([row / row.norm() for row in rows])
    u = q[0, :].T
    found = q * (sp.eye(3) - 2 * u * u.T) * q.T
    return _gap(found, sp.diag(_number(constant), 1, 1))


def _permutations(constant: Any, size: int) -> Any:
    """All orders of a group in the basis: c on the mean, no cross part, orthogonal on the rest."""
    import sympy as sp

    total = sp.Integer(0)
    for order in itertools.permutations(range(size)):
        found = _rotated(sp.eye(size).extract(list(order), list(range(size))), size)
        rest = found[1:, 1:]
        total += (found[0, 0] - _number(constant)) ** 2 + _gap(rest * rest.T, sp.eye(size - 1))
        total += sum(x**2 for x in found[0, 1:]) + sum(x**2 for x in found[1:, 0])
    return sp.simplify(total)


def _multipliers(constant: Any) -> Any:
    """lambda I + gamma 1 1^T of three units in the basis, against diag(lambda + c gamma, ...)."""
    import sympy as sp

    number, gamma, *_ = _real(_MULTIPLIERS)
    found = _rotated(number * sp.eye(3) + gamma * sp.ones(3, 3), 3)
    return _gap(found, sp.diag(number + _number(constant) * gamma, number, number))


def _corner(constant: Any) -> Any:
    return _sorted_form(1, 3, constant)


_ORDERS: tuple[Case, ...] = tuple(
    proved(f"all orders of {size} units", partial(_permutations, size=size), 1, {"-1": -1, "0": 0})
    for size in (2, 3)
)

CLAIMS = (
    Claim(
        id="lipschitz/C1.slopes",
        source="arXiv:1906.04893, lemma 1",
        provenance="recalled",
        kind="theorem",
        statement=(
            r"For slopes in $[a,b]$, $\Delta\phi = (a + t(b-a))\Delta v$ with $t \in [0,1]$, "
            r"$q = (\Delta\phi - a\Delta v)(b\Delta v - \Delta\phi) = t(1-t)(b-a)^2\Delta v^2 \ge "
            r"0$, and the block form with $-2abT$, $(a+b)T$, $-2T$, $T = \mathrm{diag}(\lambda)$, "
            r"is $2\sum\lambda_iq_i$ (three units)."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("factorisation", _factorised, 1, {"-1": -1, "2": 2}),
            proved("block form, three units", _block_form, 2, {"1": 1, "-2": -2}),
        ),
    ),
    Claim(
        id="lipschitz/C2.diagonal",
        source="arXiv:1906.04893, lemma 1",
        provenance="derived",
        kind="theorem",
        statement=(
            r"For two units of slopes in $[0,1]$ the block form is $2\sum\lambda_iq_i$, hence not "
            r"negative, with a diagonal $T$; an entry $c \ne 0$ off its diagonal adds another form."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("entry off the diagonal", _entry, 0, {"coupled, -1": -1, "1": 1}),),
    ),
    Claim(
        id="lipschitz/C3.group_sort",
        source="arXiv:2401.14033, lemma 1",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=(
            r"In groups of 2 to 4 with $1^\top\Delta\phi = 1^\top\Delta v$ the form with blocks "
            r"$T - 2S$, $P + S$, $-T - 2P$ is $\lambda(|\Delta v|^2 - |\Delta\phi|^2)$; sorting "
            r"$v$ and $w$ makes that $2\lambda(\phi(v)\cdot\phi(w) - v\cdot w) \ge 0$, since "
            r"putting two units in the order of the others adds $(v_2-v_1)(w_1-w_2)$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            *(
                proved(
                    f"equal sums, {size} units",
                    partial(_sorted_form, size=size),
                    1,
                    {"sign of the sum": -1, "sum lost": 0},
                )
                for size in (2, 3, 4)
            ),
            proved("P in the lower right block", _corner, -2, {"-T + 2P": 2, "-T - P": -1}),
            proved("norms are kept", _contraction, 2, {"1": 1, "-2": -2}),
            proved("exchange of two units", _exchange, 1, {"-1": -1, "2": 2}),
        ),
    ),
    Claim(
        id="lipschitz/C3.redundant",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The blocks $T - 2S$, $P + S$, $-T - 2P$ of $(\gamma, \nu, \tau)$ are those of "
            r"$(0, \nu - \gamma/2, \tau + \gamma/2)$, entry by entry (three units)."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("blocks of three units", _redundant, "1/2", {"1": 1, "sign": "-1/2", "none": 0}),
        ),
    ),
    Claim(
        id="lipschitz/C3.sign",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The form is 0 at $\Delta\phi = \Delta v$ and $-\lambda|d|^2$ at $\Delta v = 0$, "
            r"$\Delta\phi = d$ with $1^\top d = 0$; so at the signals $d$ of one group that all "
            r"later layers pass on, the $\ell_2$ matrix inequality says $\lambda|d|^2 \ge |W_L "
            r"\cdots W_{k+1}d|^2$, and $\lambda \ge 0$ need not be imposed."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("0 at df = dv", _passing, 1, {"-1": -1, "1/2": "1/2"}),
            proved("- lambda |d|^2", _own, -1, {"sign": 1, "twice": -2}),
        ),
    ),
    Claim(
        id="lipschitz/C4.householder",
        source="arXiv:2401.14033, lemma 2",
        provenance="recalled",
        kind="theorem",
        statement=(
            r"With $E = I - uu^\top$, $|u| = 1$, in place of $11^\top$ the form is "
            r"$\lambda(|\Delta v|^2 - |\Delta\phi|^2)$ for Householder units, which keep $Ev$ "
            r"(case $u \propto (1,2,3)$); and for $u\cdot v > 0 \ge u\cdot w$, any $u$ of two "
            r"units, $|\Delta v|^2 - |\Delta\phi|^2 = -4(u\cdot v)(u\cdot w) \ge 0$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("what passes, u ~ (1, 2, 3)", _reflected_form, 1, {"sign": -1, "lost": 0}),
            proved("across the plane, two units", _across, -4, {"-2": -2, "sign": 4}),
        ),
    ),
    Claim(
        id="lipschitz/C5.basis",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"In an orthonormal basis of the group, MaxMin is $(s,d) \mapsto (s,|d|)$, $s = "
            r"(v_1+v_2)/\sqrt2$, $d = (v_2-v_1)/\sqrt2$; Householder, $u \propto (1,2,3)$, is the "
            r"same with $d = u\cdot v$ and $s$ the complement; every order of GroupSort, $g = 2, "
            r"3$, passes the mean and is orthogonal on the deviations; and $\lambda I + "
            r"\gamma 11^\top$ is $\mathrm{diag}(\lambda + g\gamma, \lambda, \ldots)$, $g = 3$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("the swap on d", _maxmin, -1, {"d passes": 1, "d lost": 0}),
            proved("the reflection on u.v, u ~ (1, 2, 3)", _householder, -1, {"1": 1, "0": 0}),
            *_ORDERS,
            proved("multipliers of three units", _multipliers, 3, {"1": 1, "2": 2}),
        ),
    ),
)
