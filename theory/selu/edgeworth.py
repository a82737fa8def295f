r"""Corrections to the central limit theorem for a neuron's moments (claim C12).

z with mean y, variance x and cumulants k_3, k_4, of order n^-1/2 and n^-1.  For F(y, x) = E phi(g),
g ~ N(y, x), and derivatives in y,

    E phi(z) = F + k_3/6 F''' + k_4/24 F'''' + k_3^2/72 F^(6) + O(n^-3/2)
               (order 1)        (order 2)

for phi = f and f^2: the derivatives exist despite the kink.  For independent inputs of one law
k_j(z) = k_j(input) sum_i w_i^j.  Not for lattice laws (inputs +-1 and equal weights), where the
kink gives another term of order 1/n.  Source: derived.
"""

from typing import Any, NamedTuple

import numpy as np

from theory import gaussian
from theory.selu.blocks import ALPHA, SCALE, arguments
from theory.selu.moments import derivatives, plain


class EdgeworthMoments(NamedTuple):
    """E f(z) and E f(z)^2."""

    mean: Any
    second_moment: Any


def edgeworth(
    cumulant3: Any,
    cumulant4: Any,
    mean: Any = 0.0,
    variance: Any = 1.0,
    order: int = 2,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> EdgeworthMoments:
    """E f(z) and E f(z)^2 to order n^(-order/2), order 0, 1 or 2; cumulants and moments of z."""
    if isinstance(order, bool) or order not in (0, 1, 2):
        raise ValueError(f"order must be 0, 1 or 2, not {order!r}.")
    third, fourth, y, variance = arguments(
        cumulant3=cumulant3, cumulant4=cumulant4, mean=mean, variance=variance
    )
    towers = derivatives(y, variance, 6, scale=scale, alpha=alpha, activation=activation)
    results = []
    for name, tower in zip(("E f(z)", "E f(z)^2"), towers, strict=True):
        terms = [
            tower[0],
            third / 6 * tower[3],
            fourth / 24 * tower[4] + np.square(third) / 72 * tower[6],
        ]
        results.append(plain(np.asarray(sum(terms[: order + 1])), name))
    return EdgeworthMoments(*results)
