r"""Decision rules for whole laws: a measured law against a predicted one, or against another.

N samples give, with probability >= 1 - alpha, sup |F_N - F| <= sqrt(log(2 / alpha) / (2 N)): the
band of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990), valid for every N and every
F.  Laws are counted in fixed bins, so the supremum is over the edges; between edges two laws may
differ by the mass of one bin more, which the note of the verdict states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from paper_checks.rules import Outcome, Rule, allowance, compare
from paper_checks.verdict import Verdict
from simulations.core import Law

Array = np.ndarray[Any, Any]


class Candidates(NamedTuple):
    """A measured law, and the measured laws that may be equal to it, by name."""

    law: Law
    candidates: Mapping[str, Law]


def law_within(tolerance: float) -> Rule:
    """sup |F - F_predicted| <= tolerance over the bin edges of a Law; the prediction is a CDF."""
    allowed = allowance(tolerance)

    def decide(law: Any, cdf: Any, alpha: float) -> Outcome:
        edges, measured, samples = _empirical(law)
        predicted = _cdf_at(cdf, edges)
        return _within(allowed, edges, measured, predicted, _band(samples, alpha), "predicted")

    return Rule("law within", "law", decide)


def same_law(tolerance: float) -> Rule:
    """sup |F - G| <= tolerance over the bin edges of two independent measured Laws.

    The observation is `Candidates`; the prediction is the name of the candidate that has the same
    law.  Each of the two bands holds with probability >= 1 - alpha / 2.
    """
    allowed = allowance(tolerance)

    def decide(observed: Any, name: Any, alpha: float) -> Outcome:
        if not isinstance(observed, Candidates) or name not in observed.candidates:
            raise ValueError(f"this rule needs Candidates with a law {name!r}.")
        edges, measured, samples = _empirical(observed.law)
        other_edges, other, others = _empirical(observed.candidates[name])
        if not np.array_equal(edges, other_edges):
            raise ValueError(f"the law {name!r} is counted in other bins.")
        band = _band(samples, alpha / 2) + _band(others, alpha / 2)
        return _within(allowed, edges, measured, other, band, "other")

    return Rule("same law", "law", decide)


def _band(samples: int, alpha: float) -> float:
    return math.sqrt(math.log(2 / alpha) / (2 * samples))


def _within(
    allowed: float, edges: Array, measured: Array, wanted: Array, band: float, label: str
) -> Outcome:
    """Compare two distribution functions at the edges, known up to `band`."""
    gaps = np.abs(measured - wanted)
    worst = int(np.argmax(gaps))
    distance = float(gaps[worst])
    interval = (max(0.0, distance - band), distance + band)
    verdict = compare(interval, (None, allowed))
    columns = (("at", edges), ("measured", measured), (label, wanted))
    witness = {name: float(values[worst]) for name, values in columns}
    mass = np.max(np.diff(wanted, prepend=0.0, append=1.0))
    return Outcome(
        verdict=verdict,
        prediction=0.0,
        estimate=distance,
        interval=interval,
        accepted=(None, allowed),
        tolerance=allowed,
        detectable=allowed + 2 * band,
        witness=witness if verdict is Verdict.REFUTED else None,
        note=f"sup distance over {edges.size} edges; largest {label} bin mass {mass:.2g}",
    )


def _empirical(law: Any) -> tuple[Array, Array, int]:
    """Edges, measured distribution function at the edges, and number of samples."""
    if not isinstance(law, Law):
        raise ValueError(f"this rule needs a Law; got {type(law).__name__}.")
    edges, counts = np.asarray(law.edges, dtype=np.float64), np.asarray(law.counts)
    samples = int(counts.sum())
    if samples < 1 or edges.size < 1 or counts.shape != (edges.size + 1,):
        raise ValueError(f"a law of {samples} samples, {edges.size} edges is unusable.")
    return edges, np.cumsum(counts[:-1]) / samples, samples


def _cdf_at(cdf: Any, edges: Array) -> Array:
    if not callable(cdf):
        raise ValueError(f"a law's prediction must be a CDF; got {type(cdf).__name__}.")
    values = np.asarray(cdf(edges), dtype=np.float64)
    rounding = 1e-12
    if values.shape != edges.shape or not np.all((values >= -rounding) & (values <= 1 + rounding)):
        raise ValueError("the predicted CDF does not map the edges to probabilities.")
    if np.any(np.diff(values) < -rounding):
        raise ValueError("the predicted CDF decreases between two edges.")
    return values
