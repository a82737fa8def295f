r"""Width and depth limits of the covariance of two inputs (Hayou and Yang, arXiv:2302.00453).

Setup
    Y_0 = W_in x,   Y_l = Y_{l-1} + sqrt(time) alpha_l W_l phi(Y_{l-1}),   (W_l)_ij ~ N(0, 1/n),

width n, depth L, branch factors alpha_l = L^{-1/2} unless said, activation phi (ReLU unless said),
and two inputs a, b.  The rows of (Y_0(a), Y_0(b)) are N(0, q_0), and

    hat q_l(a, b) = <Y_l(a), Y_l(b)>/n,      c = q_ab/sqrt(q_aa q_bb) = cos theta.

As n and L grow, in any order or jointly, hat q_{tL} tends to the deterministic q_t of `flow`, with
errors sqrt(V/n) (random), B/n and beta/L (bias).  An MLP has no branch sum,

    Y_l = sigma_w W_l phi(Y_{l-1}),   sigma_w^2 = 2 for ReLU,

and there the limits do not commute: log hat q_L is random with variance 5L/n.  The shaped MLP, with
slopes 1 + c_+-/sqrt(n), has a limit for L/n -> T that is random too.

Conventions
    A covariance is (q_aa, q_bb, q_ab), also as the order of rows and columns of a Jacobian or of a
    covariance of covariances.  `time` is sigma_w^2 of the branches and multiplies sum alpha_l^2,
    the clock; so it may exceed 1.  q_aa and q_bb may differ.  Depth counts the layers after Y_0.

Modules: `flow` (C1-C3, C7: the limit, finite depth, the correction 1/L), `wide` and `particles`
(C4, C5: fluctuations and corrections of order 1/n), `tangent` (infinite-width tangent kernels of
both networks), `mlp` (C8), `shaped` (C9).  Formulas are derived or recalled and
derived again; of the paper the abstract was seen.
"""

from theory.commutation.flow import (
    Covariance,
    angle,
    clock,
    correlation,
    covariance,
    covariance_path,
    depth_correction,
    finite_depth_covariance,
    finite_depth_path,
    jacobian,
    layer_times,
    rates,
    time_between,
)
from theory.commutation.mlp import (
    LogMoments,
    mlp_angle,
    mlp_correlation,
    mlp_covariance,
    mlp_log_moments,
    mlp_second_moment,
    mlp_weight_variance,
)
from theory.commutation.shaped import (
    CorrelationMoments,
    LogVariance,
    shaped_correlation_moments,
    shaped_drift,
    shaped_log_variance,
)
from theory.commutation.tangent import derivative_rates, mlp_ntk, resnet_ntk
from theory.commutation.wide import (
    Band,
    Expansion,
    Fluctuations,
    band,
    correlation_expansion,
    fluctuation,
    fluctuations,
    log_expansion,
)

__all__ = [
    "Band",
    "CorrelationMoments",
    "Covariance",
    "Expansion",
    "Fluctuations",
    "LogMoments",
    "LogVariance",
    "angle",
    "band",
    "clock",
    "correlation",
    "correlation_expansion",
    "covariance",
    "covariance_path",
    "depth_correction",
    "derivative_rates",
    "finite_depth_covariance",
    "finite_depth_path",
    "fluctuation",
    "fluctuations",
    "jacobian",
    "layer_times",
    "log_expansion",
    "mlp_angle",
    "mlp_correlation",
    "mlp_covariance",
    "mlp_log_moments",
    "mlp_ntk",
    "mlp_second_moment",
    "mlp_weight_variance",
    "rates",
    "resnet_ntk",
    "shaped_correlation_moments",
    "shaped_drift",
    "shaped_log_variance",
    "time_between",
]
