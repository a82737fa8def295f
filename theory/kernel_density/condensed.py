r"""Weights of the condensed phase: the Poisson-Dirichlet law PD(lambda, 0) (C7).

Below h_G the normalised weights p_1 >= p_2 >= ... of the data points converge, as d -> oo, to the
normalised points of a Poisson process of intensity lambda x^(-lambda - 1) dx, lambda = lambda* < 1.
m points drawn from p fall into groups of sizes n_1, ..., n_k with probability (Pitman)

    lambda^(k-1) (k-1)! / (m-1)! prod_i Gamma(n_i - lambda) / Gamma(1 - lambda),

from which all moments of Y_k = sum_i p_i^k follow.  For lambda >= 1 all shares tend to 0.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from theory._checks import whole
from theory.kernel_density.rates import Real, nonnegative, plain, positive


def share_moment(index: ArrayLike, k: float = 2) -> Real:
    """E Y_k = Gamma(k - lambda) / (Gamma(k) Gamma(1 - lambda)) for k >= 1; E Y_2 = 1 - lambda.

    0 for lambda >= 1, and 1 for k = 1.
    """
    lam, order = nonnegative(index, "index"), float(k)
    if not 1 <= order < math.inf:
        raise ValueError(f"k must be >= 1 and finite, not {k!r}.")
    if order == 1:
        return plain(np.ones_like(lam))
    inside = np.minimum(lam, 0.5)  # both gammas stay finite where the value is not used
    logs = [gammaln(order - x) - gammaln(1 - x) for x in (inside, np.clip(lam, 0.5, 1 - 2**-53))]
    value = np.exp(np.where(lam < 0.5, *logs) - gammaln(order))
    return plain(np.where(lam < 1, value, 0.0))


def share_variance(index: ArrayLike) -> Real:
    """Var Y_2 = lambda (1 - lambda) / 3, and 0 for lambda >= 1."""
    lam = np.minimum(nonnegative(index, "index"), 1)
    return plain(lam * (1 - lam) / 3)


def inverse_largest_share(index: ArrayLike) -> Real:
    """E[1 / p_1] = E[S / W_max] = 1 / (1 - lambda); oo for lambda >= 1."""
    lam = nonnegative(index, "index")
    with np.errstate(divide="ignore"):
        return plain(1 / np.maximum(1 - lam, 0))


def grouping_probability(sizes: Sequence[int], index: float) -> float:
    """P(sum(sizes) draws from the weights fall into labelled groups of these sizes), lambda < 1.

    The order of the draws is fixed: sizes (2,) gives E Y_2 and (2, 2) E[Y_2^2 - Y_4].
    """
    lam = float(nonnegative(index, "index"))
    if not lam < 1:
        raise ValueError(f"index must be < 1, not {index!r}: above, no two draws ever agree.")
    counts = [whole(size, f"sizes[{i}]") for i, size in enumerate(sizes)]
    if not counts:
        raise ValueError("sizes must name at least one group.")
    k, total = len(counts), sum(counts)
    if lam == 0:
        return float(k == 1)
    log = (k - 1) * math.log(lam) + math.lgamma(k) - math.lgamma(total)
    log += sum(math.lgamma(n - lam) - math.lgamma(1 - lam) for n in counts)
    return math.exp(log)


def ratio_cdf(ratio: ArrayLike, rank: int, index: float) -> Real:
    """P(W_(k+1) / W_(k) <= r) = r^(k lambda), independent over ranks k = 1, 2, ...

    Also for lambda >= 1.  The tail index by maximum likelihood from K ratios is Hill's
    K / sum_k k log(W_(k) / W_(k+1)), with standard error lambda / sqrt(K).
    """
    lam = float(positive(index, "index"))
    return plain(np.clip(nonnegative(ratio, "ratio"), 0, 1) ** (whole(rank, "rank") * lam))
