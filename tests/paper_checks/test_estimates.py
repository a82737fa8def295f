"""Arithmetic of estimates against simulation and against hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from paper_checks.estimates import combine, log, slope
from paper_checks.rules import TooFewSamples, interval, mean_within
from paper_checks.verdict import Verdict
from simulations.core import Estimate

FALSE_ALARM = 1e-6


def test_combine_by_hand() -> None:
    found = combine([2, -1], [Estimate(1.0, 0.3, 100, 1.5), Estimate(0.5, 0.8, 400, -2.0)])
    assert found.value == 1.5
    assert found.stderr == 1.0
    assert found.samples == 100
    # Third cumulants of the two means: 0.3^3 * 1.5 / 10 * 2^3 and -(0.8^3) * (-2) / 20.
    third = 8 * 0.027 * 1.5 / 10 + 0.512 * 2 / 20
    assert found.skewness == pytest.approx(third * 10, rel=1e-12)


def test_combine_agrees_with_the_sum_of_the_samples() -> None:
    # The mean of x + y over paired independent samples is a combination with the same cumulants.
    single = Estimate(1.0, 1 / math.sqrt(500), 500, 2.0)  # exponential
    double = combine([1, 1], [single, single])
    assert double.stderr == pytest.approx(math.sqrt(2 / 500), rel=1e-12)
    assert double.skewness == pytest.approx(2 / math.sqrt(2), rel=1e-12)  # gamma of shape 2


def test_combine_of_constants() -> None:
    assert combine([1, 1], [Estimate(1.0, 0.0, 5), Estimate(2.0, 0.0, 9)]) == Estimate(3.0, 0.0, 5)


@pytest.mark.parametrize("weights", [[], [1.0, 2.0]])
def test_combine_needs_matching_lengths(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights for"):
        combine(weights, [Estimate(1.0, 1.0, 10)] if weights else [])


def test_log() -> None:
    found = log(Estimate(math.e, 0.01, 50, 0.5))
    assert found == Estimate(1.0, 0.01 / math.e, 50, 0.5)
    for noisy in (Estimate(1.0, 0.2, 50), Estimate(-1.0, 0.01, 50)):
        with pytest.raises(TooFewSamples, match="ten standard errors"):
            log(noisy)
    for bad in (Estimate(math.nan, 0.01, 50), Estimate(1.0, math.inf, 50)):
        with pytest.raises(ValueError, match="log of the estimate") as caught:
            log(bad)
        assert not isinstance(caught.value, TooFewSamples)


def test_slope_is_exact_without_noise() -> None:
    sizes = (8, 16, 32, 64, 128)
    pure = [Estimate(3 * s**-0.5, 1e-6 * s, 10**6) for s in sizes]
    assert slope(sizes, pure).value == pytest.approx(-0.5, abs=1e-12)
    corrected = [
        e._replace(value=e.value * math.exp(2 / s)) for s, e in zip(sizes, pure, strict=True)
    ]
    assert abs(slope(sizes, corrected).value + 0.5) > 1e-3
    fitted = slope(sizes, corrected, [lambda s: 1 / s])
    assert fitted.value == pytest.approx(-0.5, abs=1e-9)


def test_slope_weights_are_those_of_least_squares() -> None:
    sizes = np.array([1.0, 2.0, 4.0])
    values, errors = np.array([1.0, 0.6, 0.2]), np.array([0.01, 0.03, 0.002])
    found = slope(sizes, [Estimate(v, e, 10**6) for v, e in zip(values, errors, strict=True)])
    coefficients, covariance = np.polyfit(
        np.log(sizes), np.log(values), 1, w=values / errors, cov="unscaled"
    )
    assert found.value == pytest.approx(coefficients[0], rel=1e-12)
    assert found.stderr == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-12)


def test_exponents_keep_their_error_rates() -> None:
    alpha, replicates = 0.01, 3000
    sizes = np.array([10.0, 20.0, 40.0, 80.0])
    generator = np.random.default_rng(31)
    errors = np.array([0.01, 0.02, 0.02, 0.03]) / sizes
    noisy = 1 / sizes + errors * generator.standard_normal((replicates, 4))
    exponents = [
        slope(sizes, [Estimate(v, e, 10**4) for v, e in zip(row, errors, strict=True)])
        for row in noisy
    ]
    limit = binom.isf(FALSE_ALARM, replicates, alpha)
    rule = mean_within(0.1)
    wrong = [rule.decide(e, -0.9, alpha).verdict is Verdict.REFUTED for e in exponents]
    assert sum(wrong) <= limit
    missed = [not low <= -1 <= high for (low, high), _ in (interval(e, alpha) for e in exponents)]
    assert sum(missed) <= limit


def test_slope_refuses_what_it_cannot_fit() -> None:
    one = Estimate(1.0, 0.01, 100)
    with pytest.raises(ValueError, match="2 unknowns"):
        slope([4], [one])
    with pytest.raises(ValueError, match="2 unknowns"):
        slope([4, 4], [one, one])
    with pytest.raises(ValueError, match="3 unknowns"):
        slope([4, 8], [one, one], [lambda s: 1 / s])
    with pytest.raises(ValueError, match="positive standard error"):
        slope([4, 8], [one, one._replace(stderr=0.0)])
