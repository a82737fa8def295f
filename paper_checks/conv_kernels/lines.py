r"""Constants along rows of labels by quadrature: where singular lines win over the point.

A growing degree sees the singularity of its own patch at distances 0 and pi, whatever the other
patches are; F is its constant for one layer of one patch, for each of the two.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from paper_checks.conv_kernels.observe import outer, panels
from theory import conv_kernels as theory

FIRST = {"rfk": 2 / math.pi**2, "ntk": 1 / math.pi**2}
"""F of one layer on circles, FT(3, 1)/(3 pi 2 pi) and -FT(1, 1)/(pi 2 pi)."""


def _k0(c: Any) -> Any:
    return 1 - np.arccos(np.clip(c, -1, 1)) / np.pi


def _slope_above(fixed: int, near: bool) -> float:
    """E[cos(fixed t) k0(c)], c the mean of k1(cos t) and of 1 at distance 0, of 0 at pi."""
    angle, weight = panels()
    u = theory.kernel(angle[:, None], (2,), "rfk")
    return float(np.sum(weight * np.cos(fixed * angle) * _k0(((1.0 if near else 0.0) + u) / 2)))


def row(kind: str, fixed: int, odd: bool) -> float:
    """C of Lambda_(fixed, k), s = (2, 2), by quadrature over the other patch."""
    far = _slope_above(fixed, False)
    both = _slope_above(fixed, True) + (-far if odd else far)
    return FIRST[kind] * both / 2


def pair_of_seven(kind: str, lines: int = 4) -> float:
    """C of two growing degrees of (2, 7), from two singular lines of two places each."""
    angle, weight = np.polynomial.legendre.leggauss(8)
    u = theory.kernel(np.pi / 2 * (1 + angle[:, None]), (2,), "rfk")
    others = sum(np.meshgrid(*[u] * 5))
    weights = outer([weight / 2] * 5)
    total = 0.0
    for near in (0, 1, 1, 2)[-lines:]:
        c = (near + others) / 7
        total += float((weights / (np.pi * np.sqrt(1 - c * c))).sum())
    one = FIRST["rfk"] * FIRST[kind] * (1 if kind == "rfk" else 2)
    return one * total / 49
