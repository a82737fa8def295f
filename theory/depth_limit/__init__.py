r"""Infinite-depth limit of a residual network of fixed width (Hayou, arXiv:2210.00688).

Setup
    Y_0 ~ N(0, q0 I_n),   Y_l = Y_{l-1} + L^{-1/2} W_l phi(Y_{l-1}),   (W_l)_ij ~ N(0, 1/n),

width n, depth L, time t = l/L, activation phi (ReLU unless said).  As L grows at fixed n the path
tends to the solution of dX = n^{-1/2} |phi(X)| dB, without drift.  Weights of variance s/n are the
same network run to time s, that is with branch scale (time/L)^{1/2}; so `time` may exceed 1.

Conventions
    N = |phi(X)|^2, M = N/n, Q = |X|^2/n, A = #{i : X_i > 0} ("active" neurons); q0 = 1 everywhere
    (ReLU: X/sqrt(q0) does not depend on q0).  Expectations "given N_0 > 0" leave out the
    probability 2^-n of a start with no active neuron, where the process is frozen and A = 0.

The quasi-geometric Brownian motion of the post-activation norm, given N_0 > 0, has

    E log(|phi(X_t)| / |phi(X_0)|) = (1/n) int_0^t (E[A_s | N_0 > 0] / 2 - 1) ds,

so every prediction about it is one about the active count E[A_s | N_0 > 0].  It starts at
n / (2 (1 - 2^-n)) and is *not* constant for 2 <= n < infinity (`active_count`), so the rate
r_n = 1/(4 (1 - 2^-n)) - 1/n (`log_norm_rate_at_zero`) is exact at time 0 and for n = 1 only.

Modules, ReLU unless said: `rates` (time 0, every activation), `small_time` (first order in time),
`width_one`, `width_two` (exact laws), `bosons`, `galerkin`, `two_slopes` (every width; leaky ReLU),
`large_width` (1/n expansions), `estimates` (the answer at any width), `long_run` (late times),
`pre_norm` (norms before phi, tangents, the determinant), `correlation` (two inputs),
`ornstein_uhlenbeck` (n = 1, another activation), `mean_field` (infinite width), `finite_depth`
(exact facts about networks), `symbolic` (computer-algebra proofs).  Formulas are derived; the
paper's wording was not seen.
"""

from theory.depth_limit.correlation import (
    CorrelationStart,
    correlation_bracket,
    correlation_drift,
    correlation_start,
    infinite_width_correlation,
)
from theory.depth_limit.estimates import (
    WidthExpansion,
    active_count,
    log_ratio,
    width_expansion,
)
from theory.depth_limit.finite_depth import (
    OneLayerMoments,
    extinction_bound,
    one_layer_moments,
    two_width_first_layer,
)
from theory.depth_limit.large_width import (
    WidthCorrections,
    excess_kurtosis_coefficient,
    skewness_coefficient,
    two_slope_activity_deficit,
    width_corrections,
    width_corrections_by_clock,
)
from theory.depth_limit.long_run import hardy_bound, long_run_rate
from theory.depth_limit.mean_field import infinite_width_variance, limit_variance
from theory.depth_limit.ornstein_uhlenbeck import (
    OrnsteinUhlenbeckLaw,
    ou_activation,
    ou_critical_time,
    ou_law,
    ou_quantile,
)
from theory.depth_limit.pre_norm import (
    log_determinant,
    log_norm_bias_bound,
    lyapunov_exponents,
    one_layer_log_growth,
    pre_norm_rate_at_zero,
    tangent_rate_at_zero,
)
from theory.depth_limit.rates import (
    critical_slope,
    critical_variance,
    log_norm_rate_at_zero,
    two_slope_tau,
)
from theory.depth_limit.small_time import (
    active_count_at_zero,
    constant_rate_active_count,
    constant_rate_log_ratio,
    log_norm_rate_at_zero_exact,
    mean_post_activation_norm,
    small_time_coefficient,
)
from theory.depth_limit.width_one import WidthOneLaw, width_one_law, width_one_log_cdf
from theory.depth_limit.width_two import active_count_two, log_ratio_two

__all__ = [
    "CorrelationStart",
    "OneLayerMoments",
    "OrnsteinUhlenbeckLaw",
    "WidthCorrections",
    "WidthExpansion",
    "WidthOneLaw",
    "active_count",
    "active_count_at_zero",
    "active_count_two",
    "constant_rate_active_count",
    "constant_rate_log_ratio",
    "correlation_bracket",
    "correlation_drift",
    "correlation_start",
    "critical_slope",
    "critical_variance",
    "excess_kurtosis_coefficient",
    "extinction_bound",
    "hardy_bound",
    "infinite_width_correlation",
    "infinite_width_variance",
    "limit_variance",
    "log_determinant",
    "log_norm_bias_bound",
    "log_norm_rate_at_zero",
    "log_norm_rate_at_zero_exact",
    "log_ratio",
    "log_ratio_two",
    "long_run_rate",
    "lyapunov_exponents",
    "mean_post_activation_norm",
    "one_layer_log_growth",
    "one_layer_moments",
    "ou_activation",
    "ou_critical_time",
    "ou_law",
    "ou_quantile",
    "pre_norm_rate_at_zero",
    "skewness_coefficient",
    "small_time_coefficient",
    "tangent_rate_at_zero",
    "two_slope_activity_deficit",
    "two_slope_tau",
    "two_width_first_layer",
    "width_corrections",
    "width_corrections_by_clock",
    "width_expansion",
    "width_one_law",
    "width_one_log_cdf",
]
