"""The simulations that the claims share: one run of a network serves every claim about it."""

from __future__ import annotations

from functools import cache
from typing import Any

from paper_checks.core import Measured, measured
from simulations.commutation import PATHS, Params, with_reference
from theory import commutation as theory

MILLION = 1_000_000

DEPTH = 25
"""Depth of the standard run.  Its error is that of infinite width at this very depth, which is
known, and at a given cost the standard error of a kernel depends on the depth alone."""

C0 = 0.3

STANDARD = {25: (200_000, 8 * MILLION), 50: (160_000, 4 * MILLION), 100: (60_000, 2 * MILLION)}
"""Samples (quick, full) of the standard run at each width: ReLU, q_0 = 1, correlation 0.3."""

DEEP = {
    (25, 50): (60_000, MILLION),
    (25, 100): (30_000, MILLION),
    (25, 200): (20_000, MILLION // 2),
    (50, 50): (60_000, MILLION),
}
"""Samples (quick, full) of other widths and depths."""


def standard(width: int, name: str) -> Measured:
    """An estimate of the standard residual network of this width."""
    quick, full = STANDARD[width]
    return measured(PATHS, _against_limit(width, DEPTH), name, quick=quick, full=full)


def standard_at(width: int, depth: int, name: str) -> Measured:
    """An estimate of the standard network at another depth."""
    if depth == DEPTH:
        return standard(width, name)
    quick, full = DEEP[width, depth]
    return measured(PATHS, _against_limit(width, depth), name, quick=quick, full=full)


@cache
def _against_limit(width: int, depth: int) -> Params:
    return with_reference(Params(width=width, depth=depth, correlation=C0))


def kernel(name: str, *, quick: int, full: int, **params: Any) -> Measured:
    """An estimate of one run with these parameters."""
    return measured(PATHS, Params(**params), name, quick=quick, full=full)


@cache
def wide(
    correlation: float = C0,
    activation: str = "relu",
    depth: int | None = DEPTH,
    q_bb: float = 1.0,
    time: float = 1.0,
) -> theory.Fluctuations:
    """V and B of two inputs of this correlation, q_aa = 1."""
    q_ab = correlation * q_bb**0.5
    return theory.fluctuations(1.0, q_bb, q_ab, time, activation, depth)


def at_depth(
    correlation: float = C0, activation: str = "relu", depth: int = DEPTH, q_bb: float = 1.0
) -> theory.Covariance:
    """The kernel of infinite width at this depth."""
    q_ab = correlation * q_bb**0.5
    return theory.finite_depth_covariance(1.0, q_bb, q_ab, 1.0, depth, activation)
