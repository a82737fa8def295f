"""Arithmetic of estimates: linear combinations, logarithms and slopes, with their errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from paper_checks.rules import TooFewSamples
from simulations.core import Estimate


def combine(weights: Sequence[float], estimates: Sequence[Estimate]) -> Estimate:
    """sum_i w_i X_i of independent estimates, for instance 2 X_L - X_{L/2} (Richardson).

    Errors add in squares, third cumulants in cubes; the sample number is the smallest one, and the
    skewness is scaled to it.  Raises ValueError when the lengths differ or are 0.
    """
    if len(weights) != len(estimates) or not estimates:
        raise ValueError(f"{len(weights)} weights for {len(estimates)} estimates.")
    pairs = list(zip(weights, estimates, strict=True))
    samples = min(e.samples for e in estimates)
    variance = math.fsum((w * e.stderr) ** 2 for w, e in pairs)
    third = math.fsum((w * e.stderr) ** 3 * e.skewness / math.sqrt(e.samples) for w, e in pairs)
    skewness = third / variance**1.5 * math.sqrt(samples) if variance > 0 else 0.0
    return Estimate(
        math.fsum(w * e.value for w, e in pairs), math.sqrt(variance), samples, skewness
    )


def log(estimate: Estimate) -> Estimate:
    """log X to first order in the error (delta method): stderr / |X|, same skewness.

    Raises TooFewSamples unless X > 10 stderr; from there on the bias stderr^2 / (2 X^2) is below
    1/20 of the error.  Raises ValueError for NaN.
    """
    if not (math.isfinite(estimate.value) and math.isfinite(estimate.stderr)):
        raise ValueError(f"log of the estimate {estimate.value!r} +- {estimate.stderr!r}.")
    if not estimate.value > 10 * estimate.stderr:
        raise TooFewSamples(
            f"log needs an estimate above ten standard errors; got {estimate.value!r} +- "
            f"{estimate.stderr!r}; take more samples"
        )
    return estimate._replace(
        value=math.log(estimate.value), stderr=estimate.stderr / estimate.value
    )


def scaled(factor: float, estimate: Estimate) -> Estimate:
    """`factor` times X, for a factor > 0."""
    return estimate._replace(value=factor * estimate.value, stderr=factor * estimate.stderr)


def slope(
    sizes: Sequence[float],
    estimates: Sequence[Estimate],
    corrections: Sequence[Callable[[float], float]] = (),
) -> Estimate:
    """The exponent b of X(s) = a s^b exp(sum_j c_j f_j(s)), from independent X at several sizes s.

    Weighted least squares of log X on (1, log s, f_1(s), ...) with weights 1 / stderr^2; linear in
    log X, so the error is propagated exactly.  `corrections` are the known terms f_j, for instance
    `lambda s: 1 / s`.  Raises ValueError with fewer sizes than unknowns, or where some error is 0.
    """
    logs = [log(e) for e in estimates]
    unknowns = 2 + len(corrections)
    if len(sizes) != len(logs) or len(set(sizes)) < unknowns:
        raise ValueError(f"{unknowns} unknowns need as many sizes and estimates; got {sizes!r}.")
    if any(e.stderr == 0 for e in logs):
        raise ValueError("a slope needs estimates with a positive standard error.")
    columns = [[1.0, math.log(s), *(f(s) for f in corrections)] for s in sizes]
    scale = np.array([1 / e.stderr for e in logs])
    weights = np.linalg.pinv(np.array(columns) * scale[:, None])[1] * scale
    return combine([float(w) for w in weights], logs)
