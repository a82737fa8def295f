r"""Kernel density estimators in large dimension (Biroli and Mezard, arXiv:2408.05807).

Setup
    n = e^(alpha d) points y_i of N(0, I_d), a fixed query x with |x|^2 = q d, a bandwidth h and
    W_i = exp(-|x - y_i|^2 / (2 h^2)), S = sum W_i: log rho_h = log S - log n - (d/2) log(2 pi h^2).
    As d -> oo at fixed alpha and h the estimator is normal for h > h_CLT, fluctuates by a stable
    law of index lambda* = (h / h_G)^2 below, and belongs to a few points below h_G ("condensed").

Conventions
    Statements are conditional on the query; q = 1 is a typical one.  `spectrum` holds (weight,
    variance) of groups of coordinates, for data N(0, diag sigma_a^2) and a query with
    x_a^2 = q sigma_a^2; the bandwidth stays isotropic.  Exponents and risks are per dimension, in
    nats.  Arguments of the limits broadcast.

Modules of the limit: `rates` (C1, C13), `phases` (C2, C3, C12, C16), `risk` (C4, C5, C10),
`stable` (C6), `condensed` (C7), `corrections` (C9), `rules` (C14, C15).  At finite n and d, exactly
(C8, C10, C11): `distances`, `engine`, `law`, `optimum`.  Of the paper the abstract was seen: the
three regimes and the place of the best bandwidth are its statements, the formulas are derived.
"""

from theory.kernel_density.condensed import (
    grouping_probability,
    inverse_largest_share,
    ratio_cdf,
    share_moment,
    share_variance,
)
from theory.kernel_density.corrections import (
    carried_share,
    critical_fraction,
    effective_alpha,
    local_index,
    log_kernel_integral,
    log_probability,
)
from theory.kernel_density.engine import FiniteIndex, finite_index, relative_variance
from theory.kernel_density.law import Exact, exact, sum_law
from theory.kernel_density.optimum import KLOptimum, kl_divergence, kl_optimum
from theory.kernel_density.phases import (
    Boundaries,
    KernelBoundaries,
    boundaries,
    collapse_bandwidth,
    collapse_time,
    index_of,
    kernel_boundaries,
    regime,
    stable_index,
    variance_bandwidth,
)
from theory.kernel_density.rates import distance, log_tilt, moment_rate, nearest, rate
from theory.kernel_density.risk import (
    FreeEnergy,
    KLLimit,
    fluctuation_exponent,
    free_energy,
    kl_limit,
    kl_risk,
    share_exponent,
)
from theory.kernel_density.rules import (
    mise_approximation,
    mise_gain,
    mise_optimum,
    relative_mise,
    scott,
    silverman,
)
from theory.kernel_density.stable import OneSidedStable

__all__ = [
    "Boundaries",
    "Exact",
    "FiniteIndex",
    "FreeEnergy",
    "KLLimit",
    "KLOptimum",
    "KernelBoundaries",
    "OneSidedStable",
    "boundaries",
    "carried_share",
    "collapse_bandwidth",
    "collapse_time",
    "critical_fraction",
    "distance",
    "effective_alpha",
    "exact",
    "finite_index",
    "fluctuation_exponent",
    "free_energy",
    "grouping_probability",
    "index_of",
    "inverse_largest_share",
    "kernel_boundaries",
    "kl_divergence",
    "kl_limit",
    "kl_optimum",
    "kl_risk",
    "local_index",
    "log_kernel_integral",
    "log_probability",
    "log_tilt",
    "mise_approximation",
    "mise_gain",
    "mise_optimum",
    "moment_rate",
    "nearest",
    "rate",
    "ratio_cdf",
    "regime",
    "relative_mise",
    "relative_variance",
    "scott",
    "share_exponent",
    "share_moment",
    "share_variance",
    "silverman",
    "stable_index",
    "sum_law",
    "variance_bandwidth",
]
