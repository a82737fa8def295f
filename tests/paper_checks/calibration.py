"""What the calibration tests of the rules share."""

from __future__ import annotations

from typing import Any

from scipy.stats import binom

from paper_checks.rules import Outcome, Rule
from paper_checks.verdict import Verdict

FALSE_ALARM = 1e-6
ALPHA = 0.01
REPLICATES = 3000
SAMPLES = 1000


def decide(rule: Rule, found: list[Any], predicted: Any, alpha: float = ALPHA) -> list[Outcome]:
    return [rule.decide(observed, predicted, alpha) for observed in found]


def count(outcomes: list[Outcome], verdict: Verdict) -> int:
    return sum(outcome.verdict is verdict for outcome in outcomes)


def most(rate: float) -> int:
    """Exceeded with probability <= FALSE_ALARM by a count of events of this rate."""
    return int(binom.isf(FALSE_ALARM, REPLICATES, rate))
