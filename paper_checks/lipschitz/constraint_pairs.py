r"""Quadratic constraints at random pairs: exact integers (C1 to C5), and sampled (C1, C3, C4).

A constraint with free multipliers is a list of quadratic forms of x = (dv, df): those whose
multiplier is >= 0 must not be negative, those with a multiplier of either sign must be 0.  Pairs
lie on a grid of integers on which the activations are exact, so a violation is a counterexample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from paper_checks.core import BOTH, FULL, Case, Claim, Computed, Level, Verdict, measured
from paper_checks.rules import Outcome, Rule, mean_within
from simulations.lipschitz.constraints import CONSTRAINT
from simulations.lipschitz.params import Params

_PAIRS = 20_000
_GRID = 1 << 16
"""Steps of the grid in a standard deviation; the values of all forms stay below 2^63."""
_SEED = 20240

_SOURCES = ("arXiv:1906.04893, lemma 1", "arXiv:2401.14033, lemma 1", "arXiv:2401.14033, lemma 2")


class Increments(NamedTuple):
    """Pairs of pre-activations (pairs, units) of one group, or of units, and their images."""

    name: str
    v: Any
    w: Any
    image: Any
    other: Any

    def __str__(self) -> str:
        return f"{len(self.v)} pairs of {self.name}"


class Forms(NamedTuple):
    """Integer matrices on (dv, df): x^T Q x >= 0, and x^T Q x = 0."""

    text: str
    positive: tuple[Any, ...]
    zero: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.text


def _decide(observed: Any, predicted: Any, alpha: float) -> Outcome:
    """All forms at all pairs, in integers; the worst pair of the first that fails."""
    import numpy as np

    x = np.hstack([observed.w - observed.v, observed.other - observed.image])
    for matrices, sign in ((predicted.positive, False), (predicted.zero, True)):
        for matrix in matrices:
            values = np.einsum("ki,ij,kj->k", x, np.asarray(matrix, dtype=np.int64), x)
            broken = -np.abs(values) if sign else values
            worst = int(broken.argmin())
            if broken[worst] < 0:
                witness = {
                    "v": observed.v[worst].tolist(),
                    "w": observed.w[worst].tolist(),
                    "phi(v)": observed.image[worst].tolist(),
                    "phi(w)": observed.other[worst].tolist(),
                    "form": np.asarray(matrix).tolist(),
                    "value": int(values[worst]),
                    "violations": int((broken < 0).sum()),
                }
                return Outcome(Verdict.REFUTED, str(predicted), str(observed), witness=witness)
    return Outcome(Verdict.SUPPORTED, str(predicted), str(observed))


_EXACT = Rule("exact pairs", "value", _decide)


@cache
def _increments(name: str, size: int, unit: int, phi: Callable[[Any], Any]) -> Increments:
    """Normal pairs on multiples of `unit`; every second one a tenth of the others apart."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    v, step = rng.standard_normal((2, _PAIRS, size))
    step[1::2] *= 0.1
    grid = [unit * np.rint(_GRID * part / unit).astype(np.int64) for part in (v, v + step)]
    return Increments(name, *grid, *(phi(part) for part in grid))


# --- activations on integers ---------------------------------------------------------------------


def _leaky(v: Any, below: int, unit: int) -> Any:
    """v, and (below / unit) v for v < 0."""
    import numpy as np

    return np.where(v > 0, v, v // unit * below)


def _sorted(v: Any) -> Any:
    import numpy as np

    return np.sort(v, axis=1)


def _reflected(v: Any, u: tuple[int, ...]) -> Any:
    """v, reflected where u . v < 0; v in multiples of |u|^2."""
    import numpy as np

    direction = np.array(u)
    along = v @ direction
    back = 2 * along // (direction @ direction)
    return np.where(along[:, None] > 0, v, v - back[:, None] * direction)


# --- constraints ---------------------------------------------------------------------------------


def _blocks(first: Any, mixed: Any, last: Any) -> Any:
    """[[first, mixed / 2], [mixed / 2, last]], doubled."""
    import numpy as np

    return np.block([[2 * first, mixed], [mixed.T, 2 * last]])


def _slopes(low: int, high: int, scale: int = 1, sign: int = 1, units: int = 1) -> Forms:
    """(scale df - low dv)(high dv - scale df) of each unit."""
    import numpy as np

    forms = []
    for k in range(units):
        own = np.diag([int(i == k) for i in range(units)])
        mixed = scale * (low + high) * own
        forms.append(sign * _blocks(-low * high * own, mixed, -(scale**2) * own))
    text = f"{'-' if sign < 0 else ''}(df - a dv)(b dv - df) >= 0, [a, b] = [{low}, {high}]/{scale}"
    return Forms(text, tuple(forms))


def _coupled() -> Forms:
    """(df_1 - df_2)((dv_1 - dv_2) - (df_1 - df_2))."""
    import numpy as np

    edge = np.array([[1, -1], [-1, 1]])
    return Forms("T = (e_1 - e_2)(e_1 - e_2)^T", (_blocks(0 * edge, edge, -edge),))


def _groups(passed: Any, mutant: str = "") -> Forms:
    """lambda (|dv|^2 - |df|^2), and gamma, nu, tau with the multiple E of a projection."""
    import numpy as np

    e = np.asarray(passed)
    eye, none = np.eye(len(e), dtype=int), 0 * e
    positive = [_blocks(eye, none, -eye)]
    zero = {
        "gamma": _blocks(e, none, -e),
        "nu": _blocks(-2 * e, 2 * e, none),
        "tau": _blocks(none, 2 * e, -2 * e),
    }
    if mutant == "tau":
        zero["tau"] = _blocks(none, 2 * e, 2 * e)
    if mutant == "gamma":
        zero["gamma"] = _blocks(11 * e, none, -10 * e)
    if mutant == "coordinates":
        ones = [np.diag(row) for row in eye]
        positive = [_blocks(one, none, -one) for one in ones]
    if mutant == "sign":
        positive = [-positive[0]]
    return Forms(f"T, S, P {mutant}".strip(), tuple(positive), tuple(zero.values()))


def _deviations(size: int, untied: bool = False) -> Forms:
    """d = Helmert rows h_j: |d|^2 of dv less that of df, or for each row alone; the sum passes."""
    import numpy as np

    rows = [
        np.array([-1] * k + [k] + [0] * (size - k - 1), dtype=int).reshape(1, -1)
        for k in range(1, size)
    ]
    squares = [row.T @ row for row in rows]
    none, ones = np.zeros((size, size), dtype=int), np.ones((size, size), dtype=int)
    # size sum_j h_j h_j^T / |h_j|^2 = size I - 1 1^T
    tied = size * np.eye(size, dtype=int) - ones
    forms = squares if untied else [tied]
    text = "one multiplier per deviation" if untied else "one multiplier for all deviations"
    positive = tuple(_blocks(q, none, -q) for q in forms)
    return Forms(text, positive, (_blocks(ones, -2 * ones, ones),))


def _ones(size: int) -> Any:
    return [[1] * size] * size


def _complement(u: tuple[int, ...]) -> Any:
    """|u|^2 I - u u^T."""
    square = sum(x * x for x in u)
    return [[square * (i == j) - x * y for j, y in enumerate(u)] for i, x in enumerate(u)]


# --- cases ---------------------------------------------------------------------------------------


def _case(
    label: str,
    observed: Callable[[], Increments],
    right: Callable[[], Forms],
    wrong: Mapping[str, Callable[[], Forms]],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    return Case(label, Computed(observed), right, _EXACT, wrong, levels)


def _unit_case(name: str, low: int, high: int, scale: int) -> Case:
    """A piecewise linear unit with the slopes low / scale below 0 and high / scale = 1 above."""
    observed = partial(_increments, name, 1, scale, partial(_leaky, below=low, unit=scale))
    return _case(
        name,
        observed,
        partial(_slopes, low, high, scale),
        {
            "nine tenths of the slopes": partial(_slopes, 9 * low, 9 * high, 10 * scale),
            "sign of lambda": partial(_slopes, low, high, scale, -1),
            "upper slope 1/2": partial(_slopes, 2 * low, high, 2 * scale),
        },
    )


def _group_case(size: int) -> Case:
    name = f"GroupSort {size}"
    wrong = ("tau", "gamma", "coordinates", "sign")
    return _case(
        name,
        partial(_increments, name, size, 1, _sorted),
        partial(_groups, _ones(size)),
        {m: partial(_groups, _ones(size), m) for m in wrong},
    )


def _householder_case(u: tuple[int, ...]) -> Case:
    name = f"Householder, u ~ {u}"
    names = ("tau", "gamma", "coordinates", "sign")
    wrong = {m: partial(_groups, _complement(u), m) for m in names}
    if u != (-1, 1):  # there 11^T is the right one
        wrong["11^T for I - u u^T"] = partial(_groups, _ones(len(u)))
    square = sum(x * x for x in u)
    observed = partial(_increments, name, len(u), square, partial(_reflected, u=u))
    return _case(name, observed, partial(_groups, _complement(u)), wrong)


def _relu(v: Any) -> Any:
    return _leaky(v, 0, 1)


def _sampled(name: str, mutant: str = "none", levels: tuple[Level, ...] = BOTH) -> Case:
    """The share of pairs that violate the constraint by more than rounding; see the twin."""
    params = Params(activation=name, mutant=mutant)  # type: ignore[arg-type]
    return Case(
        label=name if mutant == "none" else f"{name}, {mutant}",
        observe=measured(CONSTRAINT, params, "violations", quick=20_000, full=200_000),
        predict=lambda: 0.0,
        rule=mean_within(0.004, span=1.0),
        mutants={} if mutant != "none" else {"one pair in a hundred": lambda: 0.01},
        levels=levels,
    )


_SLOPED = ("relu", "leaky_relu:0.1", "abs", "tanh", "gelu", "silu")
_MORE = ("sigmoid", "erf", "sin", "arctan", "softplus", "softsign", "hard_tanh", "elu", "selu")
_GROUPED = ("maxmin", "group_sort:3", "group_sort:4")
_WRONG = (
    ("relu", "range"),
    ("tanh", "range"),
    ("gelu", "range"),
    ("relu", "sign"),
    ("group_sort:3", "tau"),
    ("group_sort:3", "gamma"),
    ("group_sort:3", "coordinates"),
    ("maxmin", "sign"),
    ("householder:1,2,3", "ungrouped"),
    ("householder:1,2,3", "tau"),
)

CLAIMS = (
    Claim(
        id="lipschitz/C1.pairs",
        source=_SOURCES[0],
        provenance="recalled",
        kind="theorem",
        statement=(
            r"$(\Delta\phi - a\Delta v)(b\Delta v - \Delta\phi) \ge 0$ for ReLU ($a=0$, $b=1$), "
            r"leaky ReLU ($a = 1/8$) and the modulus ($a=-1$), at 20 000 random pairs, exactly."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _unit_case("ReLU", 0, 1, 1),
            _unit_case("leaky ReLU 1/8", 1, 8, 8),
            _unit_case("modulus", -1, 1, 1),
        ),
    ),
    Claim(
        id="lipschitz/C2.pairs",
        source=_SOURCES[0],
        provenance="derived",
        kind="theorem",
        statement=(
            r"With a diagonal $T \ge 0$ the form of two ReLU units is not negative at 20 000 "
            r"random pairs, exactly; with $T = (e_1-e_2)(e_1-e_2)^\top$ it is at some of them."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _case(
                "two ReLU units",
                partial(_increments, "two ReLU units", 2, 1, _relu),
                partial(_slopes, 0, 1, units=2),
                {"coupled": _coupled},
            ),
        ),
    ),
    Claim(
        id="lipschitz/C3.pairs",
        source=_SOURCES[1],
        provenance="confirmed-in-source",
        kind="theorem",
        statement=(
            r"GroupSort of 2, 3 and 4 units obeys the constraint with blocks $T - 2S$, $P + S$, "
            r"$-T - 2P$ for every $\lambda \ge 0$ and real $\gamma, \nu, \tau$ at 20 000 random "
            r"pairs, exactly."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_group_case(size) for size in (2, 3, 4)),
    ),
    Claim(
        id="lipschitz/C4.pairs",
        source=_SOURCES[2],
        provenance="recalled",
        kind="theorem",
        statement=(
            r"Householder units obey the constraint with $I - uu^\top$ in place of $11^\top$ for "
            r"every $\lambda \ge 0$ and real $\gamma, \nu, \tau$ at 20 000 random pairs, exactly: "
            r"$u \propto (-1,1)$, $(1,2)$, $(1,2,3)$."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_householder_case(u) for u in ((-1, 1), (1, 2), (1, 2, 3))),
    ),
    Claim(
        id="lipschitz/C5.deviations",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The deviations of GroupSort of 3 and 4 units from their mean are 1-Lipschitz as one "
            r"vector, at 20 000 random pairs, exactly; the single coordinates of a basis are not."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            _case(
                f"GroupSort {size}",
                partial(_increments, f"GroupSort {size}", size, 1, _sorted),
                partial(_deviations, size),
                {"untied multipliers": partial(_deviations, size, True)},
            )
            for size in (3, 4)
        ),
    ),
    Claim(
        id="lipschitz/C1-C4.sampled",
        source=_SOURCES[0],
        provenance="recalled",
        kind="theorem",
        statement=(
            r"At most 0.4 % of random pairs violate the constraint of an activation with the "
            r"slopes, or of the group, by more than $10^{-12}$ of its terms."
        ),
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            *(_sampled(name) for name in (*_SLOPED, *_GROUPED, "householder:1,2,3")),
            *(_sampled(name, levels=FULL) for name in _MORE),
        ),
    ),
    Claim(
        id="lipschitz/C1-C4.wrong",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"At most 0.4 % of random pairs violate the constraints with nine tenths of the "
            r"slopes, $\lambda < 0$, $-T + 2P$, $\gamma/10$ more in one block, one $\lambda$ per "
            r"coordinate, or $11^\top$ for $I - uu^\top$."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C1-C4.sampled",
        method="monte-carlo",
        cases=tuple(_sampled(name, mutant) for name, mutant in _WRONG),
    ),
)
