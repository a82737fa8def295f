r"""Self-normalising networks: the moment map of SELU (Klambauer et al., arXiv:1706.02515).

Setup
    f(z) = scale z for z > 0, scale alpha (e^z - 1) for z <= 0; a neuron with weights w has
    omega = sum w_i and tau = sum w_i^2.  For independent inputs of mean mu and variance nu its
    z = w.x is, by the central limit theorem, N(mu omega, nu tau), and (mu, nu) goes to
    (E f(z), Var f(z)).  SELU's constants make (0, 1) a fixed point at tau = 1.

Conventions
    nu, tau and x are never standard deviations.  omega and tau have no 1/n.  The radius (spectral
    radius of the Jacobian) below 1 means that a fixed point attracts; the norm (spectral norm S)
    below 1 means that the Euclidean distance shrinks in every layer.  The map is about ONE
    (mu, nu) that all inputs of a layer share, and one (omega, tau) of all its neurons; a trained
    network has neither.  Forward moments only: `backward_factor` is not controlled by them.

Modules: `blocks` and `moments` (C1, C2), `fixed_points` (C3), `dropout` (C8), `design` (C9),
`initialisation` (C10), `finite_width` (C11), `edgeworth` (C12), `window` (C13); the certificates of
C3 to C8 and C13 to C15 are stated in `statements` and proved by `theory.rigor`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from theory.selu.blocks import ALPHA, SCALE
from theory.selu.design import Parameters, parameters_for
from theory.selu.dropout import AlphaDropout, alpha_dropout, dropout_moments
from theory.selu.edgeworth import EdgeworthMoments, edgeworth
from theory.selu.finite_width import FiniteWidth, finite_width
from theory.selu.fixed_points import FixedPoint, fixed_point
from theory.selu.initialisation import Range, attracting_omega, probability_inside
from theory.selu.moments import (
    Moments,
    backward_factor,
    contraction,
    derivatives,
    gaussian_moments,
    jacobian,
    moment_map,
    second_moment_map,
    spectral_norm,
    spectral_radius,
)
from theory.selu.window import Window, kinked_variance, variance_ratio, window

if TYPE_CHECKING:
    from theory.rigor import Certificate, Counterexample, Undecided


def certify(
    statement: str,
    domain: Mapping[str, Any] | None = None,
    *,
    max_boxes: int = 200_000,
    precision: int = 128,
    **parameters: Any,
) -> "Certificate | Counterexample | Undecided":
    """Prove "theorem-1", "contraction", ... on a domain {variable: (low, high)}, or refute it.

    Ends are decimal strings, or floats that stand for their shortest decimal; variables left out
    keep the range of the paper.  The answer is a certificate for `theory.rigor.check`, a point
    that violates the statement, or the news that `max_boxes` boxes did not decide it.
    """
    from theory.rigor import prove

    name = f"selu/{statement.removeprefix('selu/')}"
    return prove(name, domain, parameters, precision=precision, max_boxes=max_boxes)


__all__ = [
    "ALPHA",
    "SCALE",
    "AlphaDropout",
    "EdgeworthMoments",
    "FiniteWidth",
    "FixedPoint",
    "Moments",
    "Parameters",
    "Range",
    "Window",
    "alpha_dropout",
    "attracting_omega",
    "backward_factor",
    "certify",
    "contraction",
    "derivatives",
    "dropout_moments",
    "edgeworth",
    "finite_width",
    "fixed_point",
    "gaussian_moments",
    "jacobian",
    "kinked_variance",
    "moment_map",
    "parameters_for",
    "probability_inside",
    "second_moment_map",
    "spectral_norm",
    "spectral_radius",
    "variance_ratio",
    "window",
]
