r"""Decision rules: from an observation and a statement to one of four verdicts.

Every statistical rule is the same comparison.  The statement allows the unknown theta a set
[a, b]; the observation gives an interval [low, high] that misses theta with probability <= alpha:

    [low, high] inside [a, b]   -> SUPPORTED
    [low, high] outside [a, b]  -> REFUTED
    otherwise                   -> INCONCLUSIVE

so any wrong verdict has probability at most alpha, for a statement and all its mutants together:
they share the interval.  A deviation of `detectable` is refuted with probability >= 1 - alpha.

Intervals.  A mean: Student t, widened for the skewness g of one sample by its leading Edgeworth
term (Hall 1992, section 2.6): half = stderr (t + |g| (2 t^2 + 1) / (6 sqrt(N))).  Where the
widening exceeds a tenth of t, or all samples were equal, the normal interval means nothing and
the verdict is INCONCLUSIVE.  A mean of bounded samples (`span`): the empirical Bernstein bound
(Maurer and Pontil 2009, theorem 4), valid for every N.  The calibration tests measure them on
light and heavy tails.  Rules about whole laws are in `paper_checks.laws`.

NaN or infinity in an observation or a prediction raises ValueError, never becomes a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from paper_checks.symbolic import equal
from paper_checks.verdict import Checked, Verdict, Witness
from simulations.core import Estimate

MAX_WIDENING = 0.1
"""Largest share of t that the skewness may add; the calibration tests justify it."""


class TooFewSamples(ValueError):
    """An observation is too noisy to be used; a claim that meets it is INCONCLUSIVE."""


class Outcome(NamedTuple):
    """The verdict on one case and everything it rests on; what a rule returns.

    `accepted` is the set [a, b] of the statement, None standing for an open end.
    """

    verdict: Verdict
    prediction: float | str
    estimate: float | str
    stderr: float | None = None
    interval: tuple[float, float] | None = None
    accepted: tuple[float | None, float | None] | None = None
    tolerance: float | None = None
    detectable: float | None = None
    witness: Witness | None = None
    note: str = ""

    @property
    def slack(self) -> float:
        """How far the interval is from another verdict, in half-widths (or tolerances)."""
        if self.interval is None or self.accepted is None:
            return math.inf
        (low, high), (a, b) = self.interval, _open(self.accepted)
        unit = (high - low) / 2 or self.tolerance or 1.0
        if self.verdict is Verdict.REFUTED:
            return max(a - high, low - b) / unit
        return min(low - a, b - high) / unit


@dataclass(frozen=True)
class Rule:
    """A named rule: what it needs to observe, and decide(observed, predicted, alpha)."""

    name: str
    observes: Literal["estimate", "law", "value"]
    decide: Callable[[Any, Any, float], Outcome]

    @property
    def statistical(self) -> bool:
        """Whether the verdict may be wrong by chance, and so uses up a share of alpha."""
        return self.observes != "value"


def mean_within(tolerance: float | Callable[[float], float], span: float | None = None) -> Rule:
    """|theta - prediction| <= tolerance, for an Estimate of theta.

    The tolerance may be a function of the predicted value; a Prediction's error is added to it.
    `span`: width of the range of one sample, when that is bounded (1 for a fraction).
    """

    def decide(estimate: Any, predicted: Any, alpha: float) -> Outcome:
        value, error = _number(predicted)
        allowed = allowance(tolerance(value) if callable(tolerance) else tolerance) + error
        return _decide_mean(
            estimate, value, allowed, (value - allowed, value + allowed), alpha, span
        )

    return Rule("mean within", "estimate", decide)


def at_most(margin: float = 0.0, span: float | None = None) -> Rule:
    """Theta <= bound + margin, for an Estimate of theta; the prediction is the bound."""

    def decide(estimate: Any, bound: Any, alpha: float) -> Outcome:
        value, error = _number(bound)
        allowed = allowance(margin) + error
        return _decide_mean(estimate, value, allowed, (None, value + allowed), alpha, span)

    return Rule("at most", "estimate", decide)


def at_least(margin: float = 0.0, span: float | None = None) -> Rule:
    """Theta >= bound - margin, for an Estimate of theta; the prediction is the bound."""

    def decide(estimate: Any, bound: Any, alpha: float) -> Outcome:
        value, error = _number(bound)
        allowed = allowance(margin) + error
        return _decide_mean(estimate, value, allowed, (value - allowed, None), alpha, span)

    return Rule("at least", "estimate", decide)


def ordered(span: float | None = None) -> Rule:
    """Theta, a paired difference or a rate, has the sign of the prediction.

    Only the sign of the prediction counts, so its error must be smaller than its size.
    """

    def decide(estimate: Any, predicted: Any, alpha: float) -> Outcome:
        value, error = _number(predicted)
        if abs(value) <= error:
            raise ValueError(f"the prediction {value!r} +- {error!r} has no certain sign.")
        accepted = (0.0, None) if value > 0 else (None, 0.0)
        return _decide_mean(estimate, value, 0.0, accepted, alpha, span)

    return Rule("ordered", "estimate", decide)


def identity(tolerance: float = 0.0) -> Rule:
    """Two deterministic computations agree within tolerance plus their stated errors.

    Numbers, Predictions, or sequences of them of one length.  Agreement is SUPPORTED, never
    PROVED: floating-point numbers that agree prove no identity.  Disagreement beyond the proven
    errors is REFUTED.
    """
    allowed = allowance(tolerance)

    def decide(observed: Any, predicted: Any, alpha: float) -> Outcome:
        left, right = _numbers(observed), _numbers(predicted)
        if len(left) != len(right):
            raise ValueError(f"{len(left)} numbers computed, {len(right)} predicted.")
        outcomes = [_compare_numbers(a, b, allowed) for a, b in zip(left, right, strict=True)]
        worst, (_, outcome) = min(enumerate(outcomes), key=lambda item: item[1][0])
        if outcome.witness and len(outcomes) > 1:
            return outcome._replace(witness={"index": worst, **outcome.witness})
        return outcome

    return Rule("identity", "value", decide)


def proof(check: Callable[[Any, Any], Checked] | None = None) -> Rule:
    """A proof or a certified counterexample, as found by check(observed, predicted).

    `check` returns PROVED, REFUTED with a witness, or INCONCLUSIVE; by default it compares two
    exact symbolic expressions (`paper_checks.symbolic.equal`).  For a certificate it must be the
    certificate's independent checker: a certificate that it rejects refutes nothing.
    """

    def decide(observed: Any, predicted: Any, alpha: float) -> Outcome:
        verdict, witness = (check or equal)(observed, predicted)
        if verdict is Verdict.SUPPORTED:
            raise ValueError("the check of a proof may not return SUPPORTED.")
        if verdict is Verdict.REFUTED and not witness:
            raise ValueError("the check of a proof returned REFUTED without a witness.")
        return Outcome(verdict, _brief(predicted), _brief(observed), witness=witness)

    return Rule("proof", "value", decide)


def undecided(predicted: Any, reason: str) -> Outcome:
    """The outcome where there is no usable observation."""
    value = getattr(predicted, "value", predicted)
    shown = float(value) if isinstance(value, (int, float)) else _brief(predicted)
    return Outcome(Verdict.INCONCLUSIVE, shown, "", note=reason)


def interval(
    estimate: Estimate, alpha: float, span: float | None = None
) -> tuple[tuple[float, float], str]:
    """Confidence interval of a mean at level 1 - alpha, and why it means nothing ("" if it does).

    The interval is two-sided; see the module's docstring for the two constructions.
    """
    from scipy.special import stdtrit

    value, stderr, samples = estimate.value, estimate.stderr, estimate.samples
    if not (math.isfinite(value) and math.isfinite(stderr) and stderr >= 0 and samples > 1):
        raise ValueError(f"the estimate {value!r} +- {stderr!r} of {samples} samples is unusable.")
    if span is not None:
        half = _bernstein(stderr, samples, alpha, span)
        return (value - half, value + half), ""
    if stderr == 0:
        return (value, value), f"all {samples} samples were equal; give the rule their span"
    t = -float(stdtrit(samples - 1, alpha / 2))
    widening = abs(estimate.skewness) * (2 * t * t + 1) / (6 * math.sqrt(samples))
    if not math.isfinite(widening):
        raise ValueError(f"the estimate's skewness is {estimate.skewness!r}.")
    half = stderr * (t + widening)
    skewed = f"skewness {estimate.skewness:.3g} is too large for {samples} samples"
    return (value - half, value + half), skewed if widening > MAX_WIDENING * t else ""


def _bernstein(stderr: float, samples: int, alpha: float, span: float) -> float:
    # The standard deviation of numbers in an interval is at most half its width.
    if not math.isfinite(span) or stderr * math.sqrt(samples - 1) > 0.5 * span * (1 + 1e-9):
        raise ValueError(f"the samples spread further than their span {span!r} allows.")
    log = math.log(4 / alpha)
    return stderr * math.sqrt(2 * log) + 7 * span * log / (3 * (samples - 1))


def _decide_mean(
    estimate: Any,
    prediction: float,
    tolerance: float,
    accepted: tuple[float | None, float | None],
    alpha: float,
    span: float | None,
) -> Outcome:
    if not isinstance(estimate, Estimate):
        raise ValueError(f"this rule needs an Estimate; got {type(estimate).__name__}.")
    (low, high), doubt = interval(estimate, alpha, span)
    verdict = Verdict.INCONCLUSIVE if doubt else compare((low, high), accepted)
    if verdict is Verdict.INCONCLUSIVE and not doubt:
        doubt = _samples_wanted(low, high, accepted)
    witness: Witness = {"interval": [low, high]}
    if estimate.stderr:
        witness["standard errors"] = abs(estimate.value - prediction) / estimate.stderr
    return Outcome(
        verdict=verdict,
        prediction=prediction,
        estimate=estimate.value,
        stderr=estimate.stderr,
        interval=(low, high),
        accepted=accepted,
        tolerance=tolerance,
        detectable=tolerance + (high - low),
        witness=witness if verdict is Verdict.REFUTED else None,
        note=doubt,
    )


def _samples_wanted(low: float, high: float, accepted: tuple[float | None, float | None]) -> str:
    centre, half = (low + high) / 2, (high - low) / 2
    distance = min(abs(centre - end) for end in accepted if end is not None)
    factor = (half / distance) ** 2 if distance > 1e-3 * half else math.inf
    return f"about {factor:.2g} times the samples would decide" if factor < 1e6 else "on the edge"


def _open(accepted: tuple[float | None, float | None]) -> tuple[float, float]:
    a, b = accepted
    return (-math.inf if a is None else a, math.inf if b is None else b)


def compare(interval: tuple[float, float], accepted: tuple[float | None, float | None]) -> Verdict:
    """The verdict of an interval on the set that a statement accepts, as in the docstring above."""
    (low, high), (a, b) = interval, _open(accepted)
    if a <= low and high <= b:
        return Verdict.SUPPORTED
    if high < a or low > b:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE


def _compare_numbers(
    observed: tuple[float, float], predicted: tuple[float, float], tolerance: float
) -> tuple[float, Outcome]:
    """Slack and outcome of one deterministic comparison."""
    (x, dx), (p, dp) = observed, predicted
    allowed = tolerance + dx + dp
    gap = abs(x - p)
    verdict = Verdict.SUPPORTED if gap <= allowed else Verdict.REFUTED
    witness = {"observed": x, "predicted": p, "difference": x - p, "allowed": allowed}
    outcome = Outcome(
        verdict=verdict,
        prediction=p,
        estimate=x,
        interval=(x - dx, x + dx),
        accepted=(p - allowed, p + allowed),
        tolerance=allowed,
        detectable=allowed,
        witness=witness if verdict is Verdict.REFUTED else None,
    )
    return allowed - gap, outcome


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def allowance(value: float) -> float:
    """The tolerance, refused unless it is a finite number >= 0."""
    if math.isfinite(value) and value >= 0:
        return float(value)
    raise ValueError(f"a tolerance must be a finite number >= 0; got {value!r}.")


def _number(predicted: Any) -> tuple[float, float]:
    """Value and error of a number or a Prediction."""
    try:
        value = float(getattr(predicted, "value", predicted))
        error = float(getattr(predicted, "error", 0.0))
    except (TypeError, ValueError):
        kind = type(predicted).__name__
        raise ValueError(f"a number or a Prediction is needed; got a {kind}.") from None
    if not (math.isfinite(value) and math.isfinite(error) and error >= 0):
        raise ValueError(f"the value {value!r} with error {error!r} is not a prediction.")
    return value, error


def _numbers(values: Any) -> list[tuple[float, float]]:
    if hasattr(values, "error") or np.ndim(values) == 0:
        return [_number(values)]
    if len(values) == 0:
        raise ValueError("an identity needs at least one number; got an empty sequence.")
    return [_number(v) for v in values]
