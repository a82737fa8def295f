r"""Alpha-dropout: constants and moments (claim C8).

Each input x is kept with probability q and set to s = -scale alpha (the saturation value of f)
otherwise; then a(.) + b.  With independent x of mean mu and variance nu,

    mean      a (q mu + (1 - q) s) + b,
    variance  a^2 q ((1 - q)(s - mu)^2 + nu),

and a target (mean, variance) is kept by

    a = sqrt(variance/(q ((1 - q)(s - mean)^2 + variance))),   b = mean - a (q mean + (1 - q) s).

Source: Klambauer et al. (2017) for the target (0, 1); the general one is derived.
"""

from typing import Any, NamedTuple

import numpy as np

from theory._checks import real
from theory.selu.blocks import ALPHA, SCALE, arguments
from theory.selu.moments import Moments, plain


class AlphaDropout(NamedTuple):
    """The affine map a x + b after dropping."""

    a: float
    b: float


def alpha_dropout(
    keep: float,
    mean: float = 0.0,
    variance: float = 1.0,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
) -> AlphaDropout:
    """a and b that keep (mean, variance) when units are kept with probability `keep` in (0, 1]."""
    q, drop = checked_keep(keep), -real(scale, "scale") * real(alpha, "alpha")
    mu, nu = real(mean, "mean"), real(variance, "variance")
    if not nu > 0:
        raise ValueError(f"variance must be > 0, not {variance!r}.")
    a = float(np.sqrt(nu / (q * ((1 - q) * (drop - mu) ** 2 + nu))))
    return AlphaDropout(a, mu - a * (q * mu + (1 - q) * drop))


def dropout_moments(
    mean: Any,
    variance: Any,
    keep: float,
    a: float | None = None,
    b: float | None = None,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
) -> Moments:
    """Mean and variance after alpha-dropout of inputs with `mean` and `variance` (arrays too).

    a and b left out are those of the target (0, 1), as in the paper.
    """
    q, drop = checked_keep(keep), -real(scale, "scale") * real(alpha, "alpha")
    mean, variance = arguments(mean=mean, variance=variance)
    usual = alpha_dropout(q, scale=scale, alpha=alpha)
    a = usual.a if a is None else real(a, "a")
    b = usual.b if b is None else real(b, "b")
    return Moments(
        plain(a * (q * mean + (1 - q) * drop) + b, "the mean"),
        plain(a**2 * q * ((1 - q) * (drop - mean) ** 2 + variance), "the variance"),
    )


def checked_keep(keep: float) -> float:
    """`keep` as a probability in (0, 1]."""
    q = real(keep, "keep")
    if not 0 < q <= 1:
        raise ValueError(
            f"keep must be a probability in (0, 1], not {keep!r}; it is the share of units kept."
        )
    return q
