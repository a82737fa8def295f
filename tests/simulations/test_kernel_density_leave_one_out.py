"""Leave-one-out bandwidths of random data: against literal likelihoods and the exact optimum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special, stats
from scipy.spatial.distance import cdist

from simulations import core
from simulations.core import Estimate, Job, Result
from simulations.kernel_density import LEAVE_ONE_OUT, Params
from simulations.kernel_density.leave_one_out import Pairs, likelihood_bandwidth
from theory import kernel_density as theory

core.setup()

Array = np.ndarray[Any, Any]
Z = stats.norm.isf(1e-6 / 2 / 10)
"""Two-sided 1e-6 for ten statistics together: 5.3."""


def simulate(samples: int, **more: Any) -> Result:
    (found,) = core.run([Job(LEAVE_ONE_OUT, Params(**more), samples)], 7)
    return found


def mean(found: Result, name: str) -> Estimate:
    e = found[name]
    assert isinstance(e, Estimate)
    return e


def likelihood(x: Array, h: float) -> float:
    """Leave-one-out log likelihood of a point, literally."""
    n, d = x.shape
    kernel = np.exp(-cdist(x, x, "sqeuclidean") / (2 * h * h)) / (2 * math.pi * h * h) ** (d / 2)
    np.fill_diagonal(kernel, 0)
    return float(np.log(kernel.sum(axis=1) / (n - 1)).mean())


@pytest.mark.parametrize(("n", "d"), [(3, 2), (40, 1), (60, 4)])
def test_bandwidth_of_greatest_likelihood(n: int, d: int) -> None:
    """A bounded search of the literal likelihood, and the stationarity identity at its end."""
    x = np.random.default_rng(n).standard_normal((n, d))
    found = likelihood_bandwidth(Pairs(x), n ** (-1 / (d + 4)))
    best = optimize.minimize_scalar(
        lambda v: -likelihood(x, math.exp(v)),
        bounds=(math.log(found) - 1, math.log(found) + 1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found == pytest.approx(math.exp(best.x), rel=1e-6)
    at = Pairs(x).at(found)
    assert math.sqrt(at.square) == pytest.approx(found, rel=1e-7)
    assert at.log_density == pytest.approx(likelihood(x, found), abs=1e-12)
    squares = cdist(x, x, "sqeuclidean") / (2 * found**2)
    np.fill_diagonal(squares, np.inf)
    p = special.softmax(-squares, axis=1)
    assert at.y2 == pytest.approx((p**2).sum(axis=1).mean(), rel=1e-10)


@pytest.mark.slow
def test_leave_one_out_estimates() -> None:
    """Near the exact optimum of n - 1 points; O(1/n) of bias is left to one standard deviation."""
    found = simulate(32, dimension=5, points=200)
    best = theory.kl_optimum(5, 199)
    for name, value in (("bandwidth", best.bandwidth.value), ("kl", best.divergence.value)):
        e = mean(found, name)
        assert abs(e.value - value) < (Z + 0.3 * math.sqrt(e.samples)) * e.stderr
    scott = theory.kl_divergence(5, 199, 200 ** (-1 / 9)).value
    rule = mean(found, "kl_scott")
    assert abs(rule.value - scott) < Z * rule.stderr
    assert mean(found, "kl").value < mean(found, "kl_scott").value


def test_own_point_sends_the_bandwidth_to_zero() -> None:
    found = simulate(4, dimension=3, points=100, own=True)
    assert mean(found, "bandwidth").value <= 2e-4
    assert mean(found, "y2").value == pytest.approx(1)


@pytest.mark.slow
def test_leave_one_out_at_the_size_of_the_sheet() -> None:
    """20 sets of (20, 1000), of standard deviation 0.0053 each; a bias of -0.001 is allowed.

    False alarms: 1e-6 for the bandwidth, less for the others.  C10 of the sheet.
    """
    found = simulate(20, dimension=20, points=1000)
    e = mean(found, "bandwidth")
    stderr = 0.0053 / math.sqrt(20)
    assert abs(e.value - 0.86446) < Z * stderr + 0.001
    for wrong in (0.7499, 0.7419):
        assert abs(e.value - wrong) > 40 * stderr
    assert mean(found, "y2").value == pytest.approx(0.277, abs=0.01)
    assert mean(found, "kl").value == pytest.approx(1.828, abs=0.06)
    assert mean(found, "kl_scott").value == pytest.approx(2.168, abs=0.08)
