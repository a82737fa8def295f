r"""Twin of `theory.depth_limit`: residual networks of finite width and depth, coupled in depth.

    Y_0 ~ N(0, q0 I_n),  Y_l = Y_{l-1} + sqrt(h) W_l phi(Y_{l-1}),  (W_l)_ij ~ N(0, 1/n),  h = T/L.

Notation: N = |phi(Y)|^2, Q = |Y|^2 / n, A = #{i : Y_i > 0}; "survival" is N > 0 at the end.  The
name of an estimate says what is measured after L layers; with `_limit` it is the value
extrapolated to infinite depth, 2 f_L - f_{L/2}, and with `_step` the step f_L - f_{L/2}, from a
second network of half the depth whose weights are (W_1 + W_2) / sqrt(2), (W_3 + W_4) / sqrt(2),
...: same law as any network of that depth, strongly coupled to the first.  What is conditioned on
survival is then conditioned on that of both networks: no difference unless n L is below about 50.

Variance is reduced by terms of mean exactly zero: the martingale of log |phi|, whose increment is
sqrt(h) <phi phi', W phi> / N, and the number of units active at the start.

Experiments besides PATHS (the norm |phi(Y)| and its company) and COUPLING (the distance of the two
networks), with their statistics; those that end in `_alive` are given N_0 > 0:

PRE_NORM     log_pre_norm = log |Y_L| / |Y_0| less its martingale, the sum of <Y, dY> / |Y|^2;
             log_pre_norm_alive; pre_norm_residual, less the drift sum of
             ((n-2)/(2n)) h |phi|^2 / |Y|^2 too.
TANGENT      V_l = (dY_l / dY_0) v, |v| = 1, by the exact law of two columns or explicit weights.
             tangent = log |V_L| less its martingale; tangent_alive; tangent_residual, less
             ((n-2)/(2n)) h |phi' V|^2 / |V|^2 too; tangent_square = |V_L|^2.
JACOBIAN     J = dY_L / dY_0 by explicit weights.  tangent = log |J v|, gradient = log |J^T u|,
             column_mean and row_mean = averages over i of log |J e_i| and log |J^T e_i|,
             column_minus_row; log_det = log |det J|; log_det_residual = the same plus the sum of
             h |phi'|^2 / (2n); frobenius = |J|_F^2 / n; at width 2 nuclear = log((s_1 + s_2) / 2),
             s the singular values; each logarithm less its martingale.
GRADIENT     g = J^T u by the exact law of the weights given the forward path, at depth L alone.
             gradient = log |g|; gradient_alive; gradient_log_square = (log |g|)^2;
             gradient_square = |g|^2.
CORRELATION  two inputs, coordinates of Y_0 jointly N(0, q0 [[1, c0], [c0, 1]]), by the exact law of
             two columns or explicit weights.  correlation = c = <X, X'> / (|X| |X'|);
             correlation_drift = (c_t - c_0 less its martingale) / t; post_correlation, that of
             phi(X) and phi(X'), given that neither vanishes; given that neither vanished at the
             start, same and different = whether post_correlation is > 0.999, < 0.001, undecided =
             neither (or no longer defined); given that the first input was alive at the start,
             single = one unit of it is active, moved = its largest coordinate is another than at
             the record before (the first record: than at the start).  Law `post`: of
             post_correlation at the end.
"""

from simulations.depth_limit.experiments import (
    CORRELATION,
    COUPLING,
    GRADIENT,
    JACOBIAN,
    PATHS,
    PRE_NORM,
    TANGENT,
)
from simulations.depth_limit.params import LARGEST, MAX_RECORDS, Params
from simulations.depth_limit.quantities import TWIN, TWINS, predictions, survey, survey_table

__all__ = [
    "CORRELATION",
    "COUPLING",
    "GRADIENT",
    "JACOBIAN",
    "LARGEST",
    "MAX_RECORDS",
    "PATHS",
    "PRE_NORM",
    "TANGENT",
    "TWIN",
    "TWINS",
    "Params",
    "predictions",
    "survey",
    "survey_table",
]
