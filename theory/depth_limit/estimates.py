r"""The active count and the mean log-norm ratio at every width (claims C7 to C10).

    n = 1    A is constant: E[A_t | N_0 > 0] = 1, E log ratio = -t/2, exactly.
    n = 2    the one-dimensional problem of `width_two`, to 1e-9.
    n >= 3   E[A_t] = n/2 - d_n(t),  with the deficit interpolated in 1/n,

             d_n(t) = kappa_n [ (1 - 2/n) a(t)/kappa_inf + (2/n) d_2(t)/kappa_2 ],

             which is exact at n = 2, as n -> infinity (a of `large_width`) and as t -> 0
             (kappa_n of `small_time`).  Conditioning divides by 1 - 2^-n.

Error for n >= 3.  Inside the proven bounds below, the relative error of d_n is taken as
min(0.004, 0.1/n) max(1, t)^3.  It was measured, not proved: 0.0024 for t <= 1, 0.021 at t = 2 and
0.092 at t = 4 at the worst width, and n times it at most 0.06, 0.35 and 2.

Proven bounds, any n and t.  E[A_t | N_0 > 0] >= 1 because the norm never reaches zero.  And
P(X_i(t) > 0) <= 1/2: X_i is a Brownian motion run by a clock, and given the moduli of all its
excursions and the other coordinates the signs are fair coins; a positive excursion makes the clock
run faster, so it lasts less time than the same excursion with a negative sign, while the moment it
starts does not depend on its sign.  So E[A_t | N_0 > 0] <= n / (2 (1 - 2^-n)), and
-t/(2n) <= E log ratio <= r_n t.
"""

from theory.depth_limit import large_width, width_two
from theory.depth_limit._common import nonnegative, whole
from theory.depth_limit.small_time import (
    active_count_at_zero,
    log_norm_rate_at_zero,
    small_time_coefficient,
)
from theory.prediction import Prediction

INTERPOLATION = "interpolation between width 2 and infinite width"


def active_count(width: int, time: float) -> Prediction:
    """E[A_t | N_0 > 0], the mean number of active neurons, with its error."""
    n, t = whole(width, "width"), nonnegative(time)
    if n == 1:
        return Prediction(1.0, 0.0, "exact")
    if n == 2:
        value = width_two.active_count_two(t)
        return Prediction(value, width_two.ERROR, "one-dimensional PDE, spectral elements")
    start = active_count_at_zero(n)
    drop = _interpolate(n, large_width.activity_deficit(t), width_two.deficit_two(t))
    slack = width_two.ERROR * start
    return _within(start, drop * 2 * start / n, _relative_error(n, t), 1.0, slack)


def log_ratio(width: int, time: float) -> Prediction:
    """E[log(|phi(X_t)|/|phi(X_0)|) | N_0 > 0] with its error.

    Equals (1/n) int_0^t (E[A_s | N_0 > 0]/2 - 1) ds; every integral is taken exactly.
    """
    n, t = whole(width, "width"), nonnegative(time)
    if n == 1:
        return Prediction(-t / 2, 0.0, "exact")
    if n == 2:
        value = width_two.log_ratio_two(t)
        return Prediction(value, width_two.ERROR * t, "one-dimensional PDE, spectral elements")
    drop = _interpolate(
        n, large_width.activity_deficit_integral(t), width_two.deficit_two_integral(t)
    )
    drop *= active_count_at_zero(n) / n**2
    highest, lowest = log_norm_rate_at_zero(n) * t, -t / (2 * n)
    return _within(highest, drop, _relative_error(n, t), lowest, width_two.ERROR * t)


def _interpolate(n: int, at_infinity: float, at_two: float) -> float:
    """Deficit d_n (or its time integral) from those of infinite width and of width 2."""
    kappa = small_time_coefficient
    limit, two = at_infinity / kappa(float("inf")), at_two / kappa(2)
    return kappa(n) * ((1 - 2 / n) * limit + 2 / n * two)


def _relative_error(n: int, t: float) -> float:
    return min(0.004, 0.1 / n) * max(1.0, t) ** 3


def _within(
    highest: float, drop: float, relative: float, lowest: float, slack: float
) -> Prediction:
    """highest - drop, given that the truth lies between `lowest` and `highest`.

    `slack` covers rounding and the error of the width-2 solution.
    """
    value = max(highest - drop, lowest)
    bound = max(highest - value, value - lowest)
    return Prediction(value, min(relative * drop, bound) + slack, INTERPOLATION)
