"""What theory says of the estimates; imported by the command alone."""

from __future__ import annotations

import functools
import math
from typing import Any

from simulations.conv_kernels.params import Params

Said = dict[str, dict[str, Any]]

GRIDS = {1: 65536, 2: 2048, 3: 192, 4: 64}
"""Points a circle at which spectra are computed, by the number of patches."""
TRUSTED = 0.1
"""Largest share of the grid's edge in the learning curve; see `theory.conv_kernels`."""


def learning_predictions(p: Params) -> Said:
    """The deterministic equivalent, where a grid resolves the spectra."""
    value = equivalent(p)
    if value is None:
        return {}
    return {"error": {"predicted": value}, "log_error": {"predicted": math.log(value)}}


def equivalent(p: Params) -> float | None:
    """Error of the deterministic equivalent; None where it is not to be had.

    It has no ridge, and its spectra need patches on circles and a grid that is fine enough.
    """
    from theory import conv_kernels as theory

    if p.ridge or p.patch_sizes[0] != 2 or p.patches not in GRIDS:
        return None
    own = _spectrum(p.patch_sizes, p.student, p.patches)
    power = _spectrum(p.teacher_sizes, p.teacher, p.patches)
    if p.points >= own.multiplicities[own.values > 0].sum():
        return None
    found = theory.learning_curve(own, power, p.points)
    return float(found.error[0]) if found.edge[0] <= TRUSTED else None


@functools.lru_cache(maxsize=8)
def _spectrum(sizes: tuple[int, ...], kind: str, patches: int) -> Any:
    from theory import conv_kernels as theory

    return theory.spectrum(sizes, kind, GRIDS[patches], patches)


def eigenvalue_predictions(p: Params) -> Said:
    """The eigenvalue by contraction of the tree."""
    from theory import conv_kernels as theory

    found = theory.eigenvalue(p.degrees, p.patch_sizes, p.kind)
    return {"eigenvalue": {"predicted": found.value, "error": found.error}}


def network_predictions(p: Params) -> Said:
    """The limit of infinite width, which one hidden layer has on average at any width.

    E rfk_xx = 1 at any width and depth.
    """
    from theory import conv_kernels as theory

    limit = float(theory.kernel(p.separation, p.patch_sizes, "rfk"))
    key = "predicted" if len(p.patch_sizes) == 1 else "limit"
    return {
        "rfk": {key: limit},
        "rfk_xx": {"predicted": 1.0},
        "rfk_square": {"limit": limit**2},
    }
