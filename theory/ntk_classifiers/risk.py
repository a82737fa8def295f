r"""Risk of the singular-kernel vote sign sum_i y_i |x - x_i|^-alpha as n -> infinity (claim C8).

Labels +-1 with eta(x) = P(+1 | x), inputs with a density p on the d-dimensional sphere.

    alpha = d          the Bayes rule sign(2 eta - 1); the approach is logarithmic in n
    alpha < d          sign of the global average f(x) = int |x-x'|^-alpha (2 eta - 1) p dx'
    alpha > d          a random decision, even as n -> infinity: near x the sum is a strictly stable
                       variable of index s = d/alpha and skewness 2 eta - 1, so P(predict +1 | x) is

        rho(eta) = 1/2 + arctan((2 eta - 1) tan(pi s/2)) / (pi s)

    alpha = infinity   one nearest neighbour: s -> 0, rho = eta.

Given x the risk is eta (1 - rho) + (1 - eta) rho.  Its mean over x needs the law of eta; for all
alpha > d it is a mixture of cost-weighted Bayes risks C(q) = E min(q (1 - eta), (1 - q) eta),

    risk = 2 int_{-1}^{1} cos^2(pi s v/2) C((1 + tan(pi s v/2)/tan(pi s/2))/2) dv     (derived),

since -(d/du - d^2/du^2) turns min(1, e^u) into a delta function and the risk, as a function of the
log odds, into that weight.  s -> 1 gives 2 C(1/2), the Bayes risk; s -> 0 gives 4 int C(q) dq =
E 2 eta (1 - eta).

Where it holds: pure powers; at finite n the far points add a drift of relative size n^(1 - alpha/d)
for alpha > d, so alpha near d is reached late.  For the log-periodic kernels R(r) r^-alpha of
deep networks, alpha > d has no limit but oscillates with log n about such values (semi-stable law),
and alpha < d needs the kernel itself in f.  Source: C8; the theorem is recalled ("consistent for
every distribution iff alpha = d"), the limits are derived.
"""

import math

import numpy as np
import numpy.typing as npt

from theory._checks import whole
from theory.ntk_classifiers.averages import average_risk, checked_exponent, tanh_sinh
from theory.ntk_classifiers.bayes import DirichletPair, bayes_risk
from theory.prediction import Prediction

Array = npt.NDArray[np.float64]


def positive_probability(eta: npt.ArrayLike, exponent: float, dimension: int) -> Array:
    """rho(eta) = lim P(vote at x is +1) where eta(x) = eta, for exponent >= dimension (inf: 1-NN).

    At exponent = dimension it is 0, 1/2 or 1.  ValueError below: no limit that depends on eta only.
    """
    d, alpha = whole(dimension, "dimension"), checked_exponent(exponent)
    if alpha < d:
        raise ValueError(
            f"exponent must be >= the dimension {d}, not {alpha!r}: below it the vote is a global "
            "average, see global_average."
        )
    probabilities = np.asarray(eta, dtype=float)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("eta must be between 0 and 1.")
    skewness = 2 * probabilities - 1
    if alpha == d:
        return np.asarray((1 + np.sign(skewness)) / 2)
    s = d / alpha
    if math.tan(math.pi * s / 2) < 1e-8:  # the limit s -> 0, to rounding
        return probabilities
    return np.asarray(0.5 + np.arctan(skewness * math.tan(math.pi * s / 2)) / (math.pi * s))


def asymptotic_risk(pair: DirichletPair, exponent: float) -> Prediction:
    """lim P(error) of the vote with k = r^-exponent as n -> infinity; exponent in [0, inf].

    exponent 0 is the majority vote and infinity one nearest neighbour.  Below the dimension d it is
    computed for d = 1 and 2; ValueError for larger d.
    """
    d, alpha = pair.dimension, checked_exponent(exponent)
    if alpha == d:
        return bayes_risk(pair.alpha1, pair.alpha2, pair.prior)
    if alpha == 0:
        return Prediction(min(pair.prior, 1 - pair.prior), 0.0, "majority vote")
    if alpha > d:
        return _stable_risk(pair, d / alpha)
    return average_risk(pair, alpha)


def excess_risk(pair: DirichletPair, exponent: float) -> Prediction:
    """`asymptotic_risk` less the Bayes risk: lim E |2 eta - 1| 1{vote differs from Bayes}."""
    risk, least = asymptotic_risk(pair, exponent), bayes_risk(pair.alpha1, pair.alpha2, pair.prior)
    if exponent == pair.dimension:
        return Prediction(0.0, 0.0, "Bayes")
    return Prediction(risk.value - least.value, risk.error + least.error, risk.method)


def _stable_risk(pair: DirichletPair, s: float) -> Prediction:
    """The mixture of weighted Bayes risks, cut where C is least smooth."""
    slope = math.tan(math.pi * s / 2)
    tiny = slope < 1e-8  # one nearest neighbour, to rounding
    kink = 2 * pair.kink() - 1
    cut = kink if tiny else math.atan(kink * slope) * 2 / (math.pi * s)

    def total(step: float) -> tuple[float, float]:
        low, _, weight = tanh_sinh(step)
        left, y, dy = -1.0, np.exp(low), np.exp(weight)
        value = error = 0.0
        for right in (cut, 1.0):
            v = left + (right - left) * y
            angle = math.pi * s / 2 * v
            level = v if tiny else np.tan(angle) / slope
            risks, errors = pair.weighted_risk(np.clip((1 + level) / 2, 0, 1))
            factor = 2 * (right - left) * dy * np.cos(angle) ** 2
            value, error, left = value + factor @ risks, error + factor @ errors, right
        return value, error

    step, (value, error) = 1 / 8, total(1 / 8)
    for _ in range(3):
        step /= 2
        before, (value, error) = value, total(step)
        if abs(value - before) <= error:
            break
    return Prediction(float(value), float(error + abs(value - before)), f"stable law, index {s:g}")
