"""C1 by chance: networks with finitely many channels, and eigenvalues that no grid reaches."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Measured, Verdict, measured
from paper_checks.observing import changed, joined
from paper_checks.rules import mean_within
from paper_checks.trends import richardson
from simulations.conv_kernels import EIGENVALUE, NETWORK, Params
from simulations.core import Estimate
from theory import conv_kernels as theory

ANGLES = (1.5, 2.5)
"""At these the bias is a large part of the kernel."""
RUNS = {8: (1 << 21, 1 << 23), 16: (1 << 22, 1 << 24), 32: (1 << 22, 1 << 24)}
"""Networks (quick, full) of each width."""


def _network(width: int, name: str) -> Measured:
    quick, full = RUNS[width]
    return measured(NETWORK, Params(width=width, angles=ANGLES), name, quick=quick, full=full)


def _limit() -> float:
    return float(theory.kernel(ANGLES, (2, 2), "rfk"))


# --- the first order in 1/width -------------------------------------------------------------------

TURNS = 2 * math.pi * (np.arange(100_000) + 0.5) / 100_000
"""Directions of a normal vector in the plane; its length has second moment 2, fourth 8."""


class Order(NamedTuple):
    """n (E K - limit) and n Var K of two layers as n grows, and the two parts of the latter."""

    bias: float
    variance: float
    first_layer: float
    last_layer: float


@cache
def _first_order(independent: bool = False) -> Order:
    """By the derivatives of the last layer at the limit of the Gram matrix that enters it.

    That matrix q = (q_xx, q_xy, q_yy) is a mean over n independent channels; K is the mean over n
    more of 2 relu(u) relu(v), (u, v) ~ N(0, q), and F(q) its expectation.  `independent`: as if
    each patch had filters of its own.
    """
    mean, covariance = _channel(independent)
    gradient, hessian = _derivatives(mean)
    bias = float(np.sum(hessian * covariance)) / 2
    first = float(gradient @ covariance @ gradient)
    u, v = (np.maximum(np.cos(TURNS - shift), 0) for shift in (0, math.acos(mean[1])))
    last = float(8 * np.mean((2 * u * v) ** 2)) - _dual(mean) ** 2
    return Order(bias, first + last, first, last)


def _channel(independent: bool) -> tuple[Any, Any]:
    """Mean and covariance of what one channel of the first layer adds to q."""
    u = np.maximum(np.cos(TURNS), 0)
    patches = [np.maximum(np.cos(TURNS - angle), 0) for angle in ANGLES]
    parts = [np.stack([2 * u * u, 2 * u * v, 2 * v * v]) for v in patches]
    if independent:
        means, covariances = zip(*(_moments(part) for part in parts), strict=True)
        return sum(means) / 2, sum(covariances) / 4
    return _moments(sum(parts) / 2)


def _moments(part: Any) -> tuple[Any, Any]:
    """Mean and covariance over a plane normal vector of what is quadratic in its length."""
    mean = 2 * part.mean(axis=1)
    return mean, 8 * part @ part.T / part.shape[1] - np.outer(mean, mean)


def _dual(q: Any) -> float:
    """2 E relu(u) relu(v) for (u, v) ~ N(0, q)."""
    root = math.sqrt(q[0] * q[2])
    c = q[1] / root
    return float(root * (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi)


def _derivatives(q: Any, step: float = 1e-4) -> tuple[Any, Any]:
    """Gradient and Hessian of F by differences, good to 1e-7."""
    e = step * np.eye(3)
    gradient = np.array([(_dual(q + x) - _dual(q - x)) / (2 * step) for x in e])
    hessian = [
        [_dual(q + x + y) - _dual(q + x - y) - _dual(q - x + y) + _dual(q - x - y) for y in e]
        for x in e
    ]
    return gradient, np.array(hessian) / (4 * step**2)


# --- cases ----------------------------------------------------------------------------------------


def _mean(width: int, tolerance: float, levels: tuple[Level, ...] = BOTH) -> Case:
    """E K against the limit and the first order."""

    def predicted(power: float = 1.0) -> float:
        return _limit() + _first_order().bias / math.pow(width, power)

    return Case(
        label=f"n = {width}",
        observe=_network(width, "rfk"),
        predict=predicted,
        rule=mean_within(tolerance),
        mutants={
            "no bias": _limit,
            "own filters for each patch": lambda: _limit() + _first_order(True).bias / width,
            "n^{-1/2}": partial(predicted, 0.5),
        },
        levels=levels,
    )


def _bias(width: int, tolerance: float) -> Case:
    """n (E K - limit), at full level."""

    def shifted(e: Estimate) -> Estimate:
        return e._replace(value=width * (e.value - _limit()), stderr=width * e.stderr)

    return Case(
        label=f"n times the bias, n = {width}",
        observe=changed(_network(width, "rfk"), shifted),
        predict=lambda: _first_order().bias,
        rule=mean_within(tolerance),
        mutants={"0": lambda: 0.0, "own filters": lambda: _first_order(True).bias},
        levels=FULL,
    )


def _variance(width: int, tolerance: float, levels: tuple[Level, ...] = BOTH) -> Case:
    return Case(
        label=f"n = {width}",
        observe=_network(width, "width_var_rfk"),
        predict=lambda: _first_order().variance,
        rule=mean_within(tolerance),
        mutants={
            "last layer alone": lambda: _first_order().last_layer,
            "first layer alone": lambda: _first_order().first_layer,
            "own filters for each patch": lambda: _first_order(True).variance,
        },
        levels=levels,
    )


def _eigenvalue(
    sizes: tuple[int, ...],
    kind: Any,
    labels: tuple[int, ...],
    wrong: tuple[int, ...],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """Monte Carlo within 12 % of the contraction of the tree; degrees elsewhere are not."""
    p = Params(patch_sizes=sizes, kind=kind, labels=labels)
    return Case(
        label=f"{kind} {sizes}, k = {labels}",
        observe=measured(EIGENVALUE, p, "eigenvalue", quick=1 << 14, full=1 << 16),
        predict=partial(theory.eigenvalue, labels, sizes, kind),
        rule=mean_within(lambda value: 0.12 * value),
        mutants={f"k = {wrong}": partial(theory.eigenvalue, wrong, sizes, kind)},
        levels=levels,
    )


NEAR, COUSINS, FAR = (tuple(int(i in (0, other)) for i in range(8)) for other in (1, 2, 4))
"""Degree 1 at two of eight patches, whose smallest common meta-patch has level 2, 3 and 4."""
BINARY = (2, 2, 2, 2)

CLAIMS = (
    Claim(
        id="conv_kernels/C1.channels",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"A random ReLU network with $n$ channels in two layers, patches of two, gives"
        r" its output a covariance of mean $K_{RFK} + B/n + O(n^{-2})$, $B = \frac12\sum_{ij}"
        r" \partial_i\partial_jF\,\mathrm{Cov}_{ij}$ with $F(q) = 2\mathbb{E}\,\mathrm{relu}(u)"
        r"\mathrm{relu}(v)$ and Cov that of the Gram matrix of one channel: $B = -0.3294$ at the"
        r" angles 1.5 and 2.5 from an input of equal patches, $K_{RFK} = 0.41945$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _mean(8, 0.005),
            _bias(16, 0.05),
            _bias(32, 0.05),
            Case(
                label="2 E K at n = 32 less E K at n = 16",
                observe=joined(
                    partial(richardson, "n", 16), [_network(16, "rfk"), _network(32, "rfk")]
                ),
                predict=_limit,
                rule=mean_within(0.002),
                mutants={
                    "the mean at n = 32": lambda: _limit() + _first_order().bias / 32,
                    "the kernel of the mean angle": lambda: float(
                        theory.kernel([2.0, 2.0], (2, 2), "rfk")
                    ),
                },
                levels=FULL,
            ),
        ),
    ),
    Claim(
        id="conv_kernels/C1.fluctuations",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The covariance of such a network has variance $V/n + O(n^{-2})$, $V = \nabla F"
        r"\cdot\mathrm{Cov}\nabla F + \mathrm{Var}(2\,\mathrm{relu}(u)\mathrm{relu}(v)) = 1.8118$"
        r" at the same angles: both layers contribute, and patches share their filters.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_variance(8, 0.15), _variance(32, 0.05, FULL)),
    ),
    Claim(
        id="conv_kernels/C1.monte-carlo",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Monte Carlo means of $K\prod_i\cos k_i\theta_i$, and of Legendre polynomials"
        r" for $s_1 = 3$, are the eigenvalues of trees that no Fourier grid reaches within 12 %:"
        r" eight patches, patches (2, 7) and (2, 3, 2), and spheres; two degrees 1 count by the"
        r" level of their smallest common meta-patch.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _eigenvalue(BINARY, "ntk", NEAR, COUSINS),
            _eigenvalue(BINARY, "ntk", COUSINS, FAR),
            _eigenvalue((3, 2, 2), "ntk", (1, 1, 0, 0), (1, 0, 1, 0), FULL),
            _eigenvalue((2, 3, 2), "rfk", (1, 1, 1, 0, 0, 0), (1, 1, 0, 1, 0, 0), FULL),
            _eigenvalue(BINARY, "rfk", FAR, COUSINS, FULL),
            _eigenvalue((2, 7), "ntk", (2, 2, 0, 0, 0, 0, 0), (2, 1, 0, 0, 0, 0, 0), FULL),
        ),
    ),
)
