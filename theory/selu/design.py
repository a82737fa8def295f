r"""The constants (scale, alpha) that fix a target mean and variance (claim C9).

At y = mean omega, x = variance tau let A1 = E[z; z > 0], A2 = E[z^2; z > 0],
B1 = E[e^z - 1; z < 0], B2 = E[(e^z - 1)^2; z < 0] and k = scale alpha.  The two equations

    scale A1 + k B1 = mean,      scale^2 A2 + k^2 B2 = variance + mean^2

give k = (mean - scale A1)/B1 and a quadratic for the scale, of which the larger root is taken:

    scale^2 (A2 + B2 A1^2/B1^2) - 2 scale B2 mean A1/B1^2 + B2 mean^2/B1^2 = variance + mean^2.

At mean = 0, omega = 0, tau = 1: alpha = sqrt(2 v/pi)/(1 - e^(v/2) erfc(sqrt(v/2))), v the variance.
A fixed point need not attract: the spectral radius belongs to the answer.
Source: Klambauer et al. (2017) for omega = 0, tau = 1; general omega and tau derived.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from theory._checks import nonnegative, real
from theory.selu.blocks import half_moments
from theory.selu.moments import jacobian, spectral_norm, spectral_radius


class Parameters(NamedTuple):
    """Constants of f, and spectral radius and norm of the Jacobian at the target."""

    scale: float
    alpha: float
    radius: float
    norm: float


def parameters_for(
    mean: float, variance: float, omega: float = 0.0, tau: float = 1.0
) -> Parameters:
    """(scale, alpha) for which (mean, variance) is a fixed point at (omega, tau).

    omega = 0, tau = 1 are normalised weights.  UserWarning if the point does not attract (radius
    >= 1); ValueError if no scale > 0 and alpha > 0 have it.
    """
    mu, nu = real(mean, "mean"), nonnegative(variance, "variance")
    omega, tau = real(omega, "omega"), nonnegative(tau, "tau")
    if nu == 0 or tau == 0:
        raise ValueError(f"variance and tau must be > 0, not {variance!r} and {tau!r}.")
    y, x = np.array([mu * omega]), np.array([nu * tau])
    a1, a2, b1, b2 = (float(h[0]) for h in half_moments(y, x))
    where = f"(mean, variance) = ({mu:g}, {nu:g}) at omega = {omega:g}, tau = {tau:g}"
    if not (b1 < 0 < b2 and a1 > 0 and math.isfinite(a2)):
        raise ValueError(f"{where}: one side of the kink has no mass, so nothing fixes its slope.")
    ratio = b2 / (b1 * b1)
    square, half = a2 + ratio * a1 * a1, ratio * mu * a1
    discriminant = half * half - square * (ratio * mu * mu - nu - mu * mu)
    scale = (half + math.sqrt(discriminant)) / square if discriminant >= 0 else math.nan
    alpha = (mu - scale * a1) / b1 / scale if scale > 0 else math.nan
    if not alpha > 0:
        raise ValueError(f"{where}: no scale > 0 and alpha > 0 have it as a fixed point.")
    table = jacobian(mu, nu, omega, tau, scale=scale, alpha=alpha)
    radius = float(spectral_radius(table))
    if radius >= 1:
        warnings.warn(
            f"{where} is a fixed point but does not attract: spectral radius {radius:.6g}.",
            stacklevel=2,
        )
    return Parameters(scale, alpha, radius, float(spectral_norm(table)))
