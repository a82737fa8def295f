r"""Proven lower bounds on the optimum of a relaxation, in ball arithmetic.

A certificate proves a bound from above; it cannot say that no better one exists.  The dual can.
Let Z_0 = X, one row in R^r per input, and through every stage

    V = W Z,    e_i = m_i v_i + h_i |v_i| s_i,    Z <- H Z + G e,    |s_i| = 1.

Then e_i - m_i v_i has the length h_i |v_i|, so the quadratic constraint of the unit, summed over
the columns, is 0, whatever the multipliers.  Every certificate of the relaxation is therefore an
upper bound of |Z_S|_F / |X|_F (l2), and of the sum of the row norms of Z_S for rows of X of norm 1
(l_inf -> l_1), for any X and any s: no optimality is needed.  In groups the part that passes is
kept and the rest has one norm and one direction.

    relaxation "exact"        slopes; GroupSort, Householder: the best multipliers of all (NSR-full)
               "diagonal"     what passes a group is only known not to grow (S = P = 0, NSR-diag)
               "lipschitz"    units and groups are only known not to grow by more than |slope|

Numbers given are floats, taken exactly; |s_i| = 1 holds for the real numbers inside the balls.
For "rr" use `relaxations.as_residual_relu(network)`.  With r = 1 and "exact" a value is the gain of
an activation pattern, for units with slopes, MaxMin and Householder.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from theory.lipschitz.dual_signals import Form, Part, Signals, ascended, forms_of
from theory.lipschitz.network import Network, Stage, dense

if TYPE_CHECKING:
    from flint import arb, arb_mat

Vector = np.ndarray[Any, np.dtype[np.float64]]


def dual_lower(
    network: Network,
    norm: str = "l2",
    relaxation: str = "exact",
    *,
    rank: int = 12,
    iterations: int = 600,
    seed: int = 0,
) -> Fraction:
    """A proven lower bound on the optimum of the relaxation, by `ascended` and `dual_ball`."""
    from theory.rigor.balls import ends

    signals = ascended(network, norm, relaxation, rank=rank, iterations=iterations, seed=seed)
    return ends(dual_ball(network, signals, norm, relaxation))[0]


def dual_ball(
    network: Network,
    signals: Signals,
    norm: str = "l2",
    relaxation: str = "exact",
    bits: int = 128,
) -> "arb":
    """A ball around the value at these signals; its lower end is below the optimum.

    A direction that is 0, or so small that its length may be 0, counts as that of v.  Raises
    ValueError for an unknown norm or relaxation, implicit networks, signals of another shape or
    not finite, and an X that is 0 (l_inf: has a row 0).
    """
    from flint import arb_mat

    from theory.rigor.balls import precision

    forms = forms_of(network, norm, relaxation)
    _fitting(network, signals, forms)
    with precision(bits):
        z = arb_mat(signals.inputs.tolist())
        sizes = _row_norms(z) if norm == "linf" else [_norm(z)]
        if not all(size > 0 for size in sizes):
            raise ValueError("inputs must not be 0, for 'linf' in no row.")
        if norm == "linf":
            z = _scaled_rows(z, [1 / size for size in sizes])
        for stage, form, given in zip(network.stages, forms, signals.directions, strict=True):
            z = _ball_stage(stage, form, given, z)
        if norm == "l2":
            return _norm(z) / sizes[0]
        first, *rest = _row_norms(z)
        return sum(rest, first)


def _fitting(network: Network, signals: Signals, forms: Sequence[Form | None]) -> None:
    x = signals.inputs
    if x.ndim != 2 or len(x) != network.inputs or not np.isfinite(x).all():
        raise ValueError(f"inputs must be {network.inputs} rows of finite numbers.")
    if len(signals.directions) != len(forms):
        raise ValueError(f"directions must be given for {len(forms)} stages.")
    for k, (stage, form) in enumerate(zip(network.stages, forms, strict=True)):
        given = signals.directions[k]
        shapes = [(stage.units, x.shape[1])] * (0 if form is None else len(form.parts))
        if [s.shape for s in given] != shapes or not all(np.isfinite(s).all() for s in given):
            raise ValueError(f"stage {k + 1} needs directions of the shapes {shapes}, finite.")


def _ball_stage(
    stage: Stage, form: Form | None, given: tuple[Vector, ...], z: "arb_mat"
) -> "arb_mat":
    skip = None if stage.skip is None else _matrix(stage.skip) * z
    if form is None:
        assert skip is not None
        return skip
    v = _matrix(stage.inner) * z
    e = _projected(form.linear, v, form.linear.gains)
    for part, s in zip(form.parts, given, strict=True):
        e += _turned(part, v, s)
    e = e if stage.outer is None else _matrix(stage.outer) * e
    return e if skip is None else skip + e


def _turned(part: Part, v: "arb_mat", given: Vector) -> "arb_mat":
    """|part v| s with the factors, s the direction of the part of `given`."""
    from flint import arb_mat

    d = _projected(part, v, part.gains)
    s = _projected(part, arb_mat(given.tolist()), (Fraction(1),) * len(given))
    g = len(part.kernel)
    rows = []
    for start in range(0, d.nrows(), g):
        own, other = _rows(d, start, start + g), _rows(s, start, start + g)
        length = _norm(other)
        rows += (own if not length > 0 else other * (_norm(own) / length)).tolist()
    return arb_mat(rows)


def _projected(part: Part, v: "arb_mat", gains: Sequence[Fraction]) -> "arb_mat":
    from flint import arb_mat

    from theory.rigor.balls import ball

    g = len(part.kernel)
    kernel = arb_mat([[ball(x) for x in row] for row in part.kernel])
    rows: list[Any] = []
    for start in range(0, v.nrows(), g):
        rows += (kernel * _rows(v, start, start + g)).tolist()
    return _scaled_rows(arb_mat(rows), [ball(gain) for gain in gains])


def _matrix(weights: Any) -> "arb_mat":
    from flint import arb_mat

    return arb_mat(dense(weights).tolist())


def _rows(matrix: "arb_mat", start: int, end: int) -> "arb_mat":
    from flint import arb_mat

    return arb_mat([[matrix[i, j] for j in range(matrix.ncols())] for i in range(start, end)])


def _scaled_rows(matrix: "arb_mat", factors: Sequence[Any]) -> "arb_mat":
    from flint import arb_mat

    rows = zip(matrix.tolist(), factors, strict=True)
    return arb_mat([[x * factor for x in row] for row, factor in rows])


def _row_norms(matrix: "arb_mat") -> list["arb"]:
    return [_norm(_rows(matrix, i, i + 1)) for i in range(matrix.nrows())]


def _norm(matrix: "arb_mat") -> "arb":
    """The Frobenius norm."""
    from flint import arb

    square = sum((x * x for x in matrix.entries()), arb(0))
    return square.nonnegative_part().sqrt()
