r"""The dense matrix inequality of LipSDP-NSR with S and P, checked in ball arithmetic (C7).

    M = rho |x|^2 - |C xi|^2 - sum over groups of QC,
    QC = l (|v|^2 - |e|^2) + gamma (a^2 - b^2) - 2 nu a (a - b) + 2 tau b (a - b),

with a, b the sums of v and e over the group, over the stacked signals xi = (x, e_1, ...)
(arXiv:2401.14033).  Neither the solvers nor the certificates of `theory.lipschitz` are used.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from theory.lipschitz.candidate import Candidate
    from theory.lipschitz.network import Network


class Free(NamedTuple):
    """The multipliers of all groups but l, as multiples of the largest l."""

    gamma: int
    nu: int
    tau: int


def is_feasible(network: Network, bound: Fraction, found: Candidate, free: Free) -> bool:
    """Whether M > 0 is proved at rho = bound^2, with the l that a solver found for NSR-full."""
    from theory.rigor.balls import ball, precision

    with precision(256):
        multipliers = _unscaled(found)
        top = ball(max(max(numbers) for numbers in multipliers))
        gamma, nu, tau = (top * gain for gain in free)
        matrix = _outer_products(network, ball(bound * bound), multipliers, (gamma, nu, tau))
        return positive(matrix)


def _unscaled(found: Candidate) -> list[list[Fraction]]:
    """l per group in the units of the weights: a certificate writes 2 l (d^2 - |d|^2), scaled."""
    last = found.exponents[-1]
    return [
        [2 * Fraction(x) * Fraction(4) ** (last - c) for x in numbers.tolist()]
        for numbers, c in zip(found.multipliers, found.exponents[1:], strict=True)
        if numbers is not None
    ]


def _outer_products(network: Network, rho: Any, multipliers: Any, free: Any) -> Any:
    """M as an `arb_mat`."""
    from flint import arb, arb_mat

    from theory.rigor.balls import ball

    *hidden, last = [arb_mat(w.tolist()) for w in network.weights]
    inputs = network.inputs
    size = inputs + sum(w.nrows() for w in hidden)
    m = arb_mat(size, size)
    for i in range(inputs):
        m[i, i] = rho
    gamma, nu, tau = free
    kind = network.stages[0].activation
    assert kind is not None
    g, start = kind.group_size, 0
    for w, numbers in zip(hidden, multipliers, strict=True):
        end = start + w.ncols()
        t = arb_mat(w.nrows(), w.nrows())
        k = arb_mat(w.nrows(), w.nrows())
        for i in range(w.nrows()):
            t[i, i] = ball(numbers[i // g])
            for j in range(i - i % g, i - i % g + g):
                k[i, j] = arb(1)
        x = _placed(w, start, size)
        e = _placed(_eye(w.nrows()), end, size)
        cross = x.transpose() * (k * (nu + tau)) * e
        m = m - x.transpose() * (t + k * (gamma - 2 * nu)) * x - cross - cross.transpose()
        m = m + e.transpose() * (t + k * (gamma + 2 * tau)) * e
        start = end
    output = _placed(last, start, size)
    return m - output.transpose() * output


def _eye(size: int) -> Any:
    from flint import arb_mat

    return arb_mat([[int(i == j) for j in range(size)] for i in range(size)])


def _placed(matrix: Any, start: int, size: int) -> Any:
    from flint import arb_mat

    wide = arb_mat(matrix.nrows(), size)
    for i in range(matrix.nrows()):
        for j in range(matrix.ncols()):
            wide[i, start + j] = matrix[i, j]
    return wide


def positive(matrix: Any) -> bool:
    """Whether all pivots of the symmetric elimination are proved positive."""
    rows = matrix.tolist()
    for k in range(len(rows)):
        if not rows[k][k] > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            for j in range(k + 1, i + 1):
                rows[i][j] -= factor * rows[j][k]
    return True
