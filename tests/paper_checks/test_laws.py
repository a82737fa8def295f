"""Calibration of the rules about whole laws: wrong verdicts are as rare as promised.

Counts of events of rate ALPHA exceed `most` with probability FALSE_ALARM.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from paper_checks.laws import Candidates, law_within, same_law
from paper_checks.verdict import Verdict
from simulations.core import Estimate, Law
from tests.paper_checks.calibration import ALPHA, REPLICATES, SAMPLES, count, decide, most

GRID = np.linspace(0.05, 0.95, 19)
LAW = Law(np.array([0.25, 0.5, 0.75]), np.array([250, 250, 250, 250]))


def laws(seed: int, samples: int = SAMPLES, cdf: Any = GRID) -> list[Law]:
    """Replicates of a binned uniform sample, or of one with these probabilities at the edges."""
    masses = np.diff(cdf, prepend=0.0, append=1.0)
    counts = np.random.default_rng(seed).multinomial(samples, masses, size=REPLICATES)
    return [Law(GRID, row) for row in counts]


def test_wrong_verdicts_about_laws_are_rare() -> None:
    tolerance = 0.05
    for distance, wrong in ((tolerance, Verdict.REFUTED), (tolerance + 1e-9, Verdict.SUPPORTED)):

        def shifted(x: Any, distance: float = distance) -> Any:
            return x + distance * (x == 0.5)

        outcomes = decide(law_within(tolerance), laws(21), shifted)
        assert count(outcomes, wrong) <= most(ALPHA)


def test_band_covers_the_whole_law() -> None:
    found = decide(law_within(0.0), laws(22), lambda x: x)
    assert count(found, Verdict.REFUTED) <= most(ALPHA)
    assert count(found, Verdict.SUPPORTED) == 0


def test_detectable_law_is_refuted() -> None:
    detectable = law_within(0.05).decide(LAW, lambda x: x, ALPHA).detectable
    assert detectable == pytest.approx(0.05 + 2 * math.sqrt(math.log(2 / ALPHA) / 2000))

    def far(x: Any) -> Any:
        return np.minimum(1.0, x + detectable * (x > 0.5))

    outcomes = decide(law_within(0.05), laws(23), far)
    assert count(outcomes, Verdict.REFUTED) >= REPLICATES - most(ALPHA)


def test_law_witness_is_where_the_laws_differ_most() -> None:
    law = Law(LAW.edges, np.array([3000, 1000, 2000, 4000]))  # 0.3, 0.4, 0.6 at the edges
    outcome = law_within(0.01).decide(law, lambda x: x, ALPHA)
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.estimate == pytest.approx(0.15, rel=1e-12)
    assert outcome.witness == {"at": 0.75, "measured": 0.6, "predicted": 0.75}


def test_impossible_laws_are_errors() -> None:
    with pytest.raises(ValueError, match="decreases"):
        law_within(0.1).decide(LAW, lambda x: 1 - x, ALPHA)
    with pytest.raises(ValueError, match="probabilities"):
        law_within(0.1).decide(LAW, lambda x: 2 * x, ALPHA)
    with pytest.raises(ValueError, match="must be a CDF"):
        law_within(0.1).decide(LAW, 0.5, ALPHA)
    with pytest.raises(ValueError, match="unusable"):
        law_within(0.1).decide(Law(GRID, np.zeros(20)), norm.cdf, ALPHA)
    with pytest.raises(ValueError, match="unusable"):
        law_within(0.1).decide(Law(GRID, np.ones(19)), norm.cdf, ALPHA)
    with pytest.raises(ValueError, match="needs a Law; got Estimate"):
        law_within(0.1).decide(Estimate(0.0, 1.0, 10), norm.cdf, ALPHA)
    with pytest.raises(ValueError, match="probabilities"):
        law_within(0.1).decide(LAW, lambda x: x * math.nan, ALPHA)


# --- two measured laws --------------------------------------------------------------------------


def pairs(seed: int, shift: float, samples: int = SAMPLES) -> list[Candidates]:
    """Pairs of independent laws: uniform, and with `shift` more mass below the middle."""
    moved = np.minimum(1.0, GRID + shift * (GRID == 0.5))
    both = zip(laws(seed), laws(seed + 1, samples, moved), strict=True)
    return [Candidates(a, {"other": b}) for a, b in both]


def test_wrong_verdicts_about_two_laws_are_rare() -> None:
    tolerance = 0.04
    for distance, wrong in ((tolerance, Verdict.REFUTED), (tolerance + 1e-9, Verdict.SUPPORTED)):
        outcomes = decide(same_law(tolerance), pairs(31, distance), "other")
        assert count(outcomes, wrong) <= most(ALPHA)


def test_equal_laws_are_supported_and_detectable_ones_refuted() -> None:
    band = math.sqrt(math.log(4 / ALPHA) / (2 * SAMPLES))
    tolerance = 4 * band
    assert count(decide(same_law(tolerance), pairs(33, 0.0), "other"), Verdict.SUPPORTED) >= (
        REPLICATES - most(ALPHA)
    )
    detectable = same_law(0.0).decide(pairs(34, 0.0)[0], "other", ALPHA).detectable
    assert detectable == pytest.approx(4 * band)
    far = np.minimum(1.0, GRID + detectable * (GRID >= 0.3))
    both = zip(laws(35), laws(36, SAMPLES, far), strict=True)
    found = [Candidates(a, {"far": b}) for a, b in both]
    assert count(decide(same_law(0.0), found, "far"), Verdict.REFUTED) >= REPLICATES - most(ALPHA)


def test_two_laws_need_equal_bins_and_a_known_name() -> None:
    moved = Law(LAW.edges + 0.1, LAW.counts)
    with pytest.raises(ValueError, match="other bins"):
        same_law(0.1).decide(Candidates(LAW, {"moved": moved}), "moved", ALPHA)
    with pytest.raises(ValueError, match="needs Candidates with a law 'none'"):
        same_law(0.1).decide(Candidates(LAW, {}), "none", ALPHA)
    with pytest.raises(ValueError, match="needs Candidates"):
        same_law(0.1).decide(LAW, "none", ALPHA)
