"""What theory says of the estimates, where it says something; imported by the command alone."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulations.kernel_density.params import Params

if TYPE_CHECKING:
    from theory.kernel_density import KLOptimum
    from theory.prediction import Prediction

Said = dict[str, dict[str, Any]]


def prepared(p: Params) -> Params:
    """The parameters with the bandwidth as a number.

    Scott's and Silverman's rules are those of data of unit variance; "likelihood" is the bandwidth
    of least Kullback-Leibler divergence from the truth.
    """
    if not isinstance(p.bandwidth, str):
        return p
    return replace(p, bandwidth=bandwidth_by(p.bandwidth, p.dimension, p.points))


def bandwidth_by(rule: str, d: int, n: float) -> float:
    """The bandwidth of a rule for n points of N(0, I_d)."""
    from theory import kernel_density as theory

    if rule == "likelihood":
        best = optimum(d, n)
        if best is None:
            raise ValueError(
                f"--bandwidth likelihood: it was not found for {n:g} points in dimension {d}; give "
                "a number."
            )
        return best.bandwidth.value
    return float(theory.scott(d, n) if rule == "scott" else theory.silverman(d, n))


@functools.lru_cache
def optimum(d: int, n: float) -> KLOptimum | None:
    """The optimum of the Kullback-Leibler divergence, None where the search for it fails."""
    from theory import kernel_density as theory

    try:
        return theory.kl_optimum(d, n)
    except (ValueError, RuntimeError):
        return None


def _said(found: Prediction) -> dict[str, float]:
    return {"predicted": found.value, "error": found.error}


def sums_predictions(p: Params) -> Said:
    """Exact means over data sets, and limits d -> infinity at the same alpha and h."""
    from theory import kernel_density as theory
    from theory.kernel_density.optimum import query_means

    d, n, h = p.dimension, p.points, p.h
    found = query_means(d, n, h) if p.query == "random" else theory.engine.means(d, n, h, p.q)
    names = ("log_sum", "y2", "y3", "distance")
    said: Said = {name: _said(value) for name, value in zip(names, found, strict=True)}
    scale = math.log(n) + d / 2 * math.log(2 * math.pi * h * h)
    log_sum = said["log_sum"]
    said["log_density"] = log_sum | {"predicted": log_sum["predicted"] - scale}
    if n > 1:
        for name, limit in _limits(d, n, h, p.q).items():
            said.setdefault(name, {})["limit"] = limit
    return said


def _limits(d: int, n: float, h: float, q: float) -> dict[str, float]:
    """Leading orders of d -> infinity; "index" is that of finite n and d."""
    from theory import kernel_density as theory

    alpha = math.log(n) / d
    index = float(theory.stable_index(alpha, h, q))
    limits = {
        "log_density": d * float(theory.free_energy(alpha, h, q).value),
        "log_excess": 0.0 - d * float(theory.fluctuation_exponent(alpha, h, q)),
        "y2": float(theory.share_moment(index, 2)),
        "y3": float(theory.share_moment(index, 3)),
        "index": theory.finite_index(d, n, h, q).index,
    }
    if index < 1:
        limits["y2_square"] = limits["y2"] ** 2 + float(theory.share_variance(index))
        limits["inverse_p1"] = float(theory.inverse_largest_share(index))
    return limits


def spacings_predictions(p: Params) -> Said:
    """Independent Exp(1), at every n, d and query."""
    return {"spacing": {"predicted": 1.0}, "spacing_square": {"predicted": 2.0}}


def leave_one_out_predictions(p: Params) -> Said:
    """The optimum of the mean risk of n - 1 points; bandwidths of single data sets scatter about
    it with a bias O(1/n), so that it is a limit, as the asymptotic one of d -> infinity is."""
    from theory import kernel_density as theory
    from theory.kernel_density.optimum import kl_divergence, query_means

    d, n = p.dimension, p.size - 1
    said: Said = {"bandwidth": {}, "kl": {}, "y2": {}}
    if best := optimum(d, n):
        said["bandwidth"]["limit"] = best.bandwidth.value
        said["kl"]["limit"] = best.divergence.value
        said["y2"]["limit"] = query_means(d, n, best.bandwidth.value).y2.value
    said["kl_scott"] = _said(kl_divergence(d, n, float(theory.scott(d, p.size))))
    limit = theory.kl_limit(math.log(p.size) / d)
    said["bandwidth"]["asymptotic"] = float(limit.bandwidth)
    said["kl"]["asymptotic"] = d * float(limit.risk)
    said["y2"]["asymptotic"] = float(limit.share)
    return said
