r"""Rate of the log-norm at time 0+ for every activation (claims C5, C17, C18; derived).

phi is continuous, X ~ N(0, q I_n) at time 0, a_i^2 and phi_i the slopes squared and the values at
X_i.  By Ito's formula d log|phi(X)| = martingale + (1/n) mu dt,

    mu = 1/2 sum_i (phi_i'^2 + phi_i phi_i'') - sum_i phi_i^2 phi_i'^2 / sum_i phi_i^2,

    r_n = E[X phi phi'] / (2 q) - (1/n) E[ mean of phi_i'^2 with weights phi_i^2 ].

The first term is E[(phi phi')'] / 2 after a Gaussian integration by parts.  It has no phi'' and it
is right at kinks: by the Ito-Tanaka formula a kink k where phi(k) is not 0 adds the local time of
X_i at k to the drift, that is the point mass of (phi phi')' at k, and integration by parts counts
it.  Where every phi_i is 0 the process is frozen; the rate is given that this is not so, that is,
divided by 1 - P(phi(X_i) = 0)^n (ReLU: 1 - 2^-n).

Two slopes, phi(x) = x for x > 0 and a x for x < 0, |a| <= 1 (only a^2 matters; the speed is the
square of the larger slope and the signs can be exchanged):

    a = 0      r_n = 1/(4 (1 - 2^-n)) - 1/n
    a != 0     r_n(a) = (1 + a^2)/4 - (1 + a^2 - a^2 tau_n(a)) / n,   tau_n = E |X|^2/|phi(X)|^2,

because a_i^4 = (1 + a^2) a_i^2 - a^2.  r_n(a) tends to (1 - 2^-n) r_n as a -> 0: a start with
every X_i < 0 still counts then.  E 1/S is the integral of E e^{-xS}, so with y = 2x

    tau_n = (n/2) int_0^inf C B^{n-1} dy,

B and C the means of (1 + b y)^{-1/2} and (1 + b y)^{-3/2} over b = 1, a^2.  Any other weighted mean
is an integral over x of one-dimensional means in the same way, and the trapezoidal rule in log x
converges exponentially.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize

from theory import activations, gaussian
from theory._checks import real, whole
from theory.activations import Activation, Elementwise

LOWEST_VARIANCE, HIGHEST_VARIANCE = 1e-3, 1e3
"""Range of `critical_variance`."""
_STEP = 0.25
"""Of the trapezoidal rule in log x: the integrands are analytic in a strip of half width pi/2, so
the error is e^{-pi^2/step} = 1e-17."""
_REACH = 38.0
_TOLERANCE, _RESOLVED = 1e-13, 1e-8


def log_norm_rate_at_zero(
    width: int, activation: gaussian.Spec = "relu", variance: float = 1.0
) -> float:
    """d/dt E[log|phi(X_t)| given phi(X_0) != 0] at t = 0+, from X_0 ~ N(0, variance I_n).

    Relative error about 1e-15 for two slopes; otherwise absolute error about 1e-12 E phi'^2, or
    1e-9 if the derivative is by differences (1e-5 if a kink is not named, too).  ReLU: negative up
    to n = 3, then positive.
    """
    n, act, q = start(width, activation, variance)
    if act.homogeneous:
        steep, slope = two_slopes(act)
        return steep * steep * (_relu_rate(n) if slope == 0 else _two_slope_rate(n, slope))

    growth = gaussian.expectation(lambda x: x * act(x) * act.derivative(x), q, act.kinks).value
    if n == 1:
        loss = gaussian.derivative_moment(act, 2, q)
    else:
        loss = weighted_mean(
            lambda x: act.derivative(x) ** 2, lambda x: act(x) ** 2, n, q, act.kinks, act.name
        )
    return (growth / (2 * q) - loss / n) / alive_probability(n, act, q)


def two_slope_tau(width: int, slope: float) -> float:
    """tau_n = E |X|^2/|phi(X)|^2 for slopes 1 and `slope`; infinite at slope 0.

    Equals sum_k C(n,k) 2^-n 2F1(1, (n-k)/2; n/2; 1 - slope^2).  Relative error about 1e-14.
    """
    n, a = whole(width, "width"), abs(real(slope, "slope"))
    least = min(a, 1.0) ** 2
    if least == 0:
        return math.inf
    return _scaled_tau(n, a if a <= 1 else 1 / a) / least


def critical_slope(width: int = 3) -> float:
    """The slope a in (0, 1] at which the rate at time 0+ of slopes 1, a is zero.

    Width 3: the rate is negative below and positive above.  Width 2: r_2 = -(1 - a)^2/8, zero only
    at a = 1.  ValueError at every other width, where no slope has rate zero.
    """
    n = whole(width, "width")
    if n == 2:
        return 1.0
    if n != 3:
        raise ValueError(
            f"width must be 2 or 3, not {n}: the rate is negative at width 1 and positive from"
            " width 4 on, whatever the slope."
        )
    return float(optimize.brentq(lambda a: _two_slope_rate(n, a), 0.0, 1.0, xtol=1e-16))


def critical_variance(activation: gaussian.Spec, width: int = 3) -> float:
    """The smallest start variance in [1e-3, 1e3] where the rate at time 0+ changes sign.

    Sign changes are sought on a grid of four points per decade.  ValueError if there is none.
    """
    n, act, _ = start(width, activation, 1.0)
    if act.homogeneous:
        raise ValueError(f"{act.name} is homogeneous: its rate does not depend on the variance.")

    def rate(log_variance: float) -> float:
        return log_norm_rate_at_zero(n, act, math.exp(log_variance))

    grid = np.linspace(math.log(LOWEST_VARIANCE), math.log(HIGHEST_VARIANCE), 25)
    before = rate(grid[0])
    for left, right in itertools.pairwise(grid):
        after = rate(right)
        if before * after < 0:
            return math.exp(optimize.brentq(rate, left, right, xtol=1e-12))
        before = after
    raise ValueError(
        f"the rate of {act.name} at width {n} keeps one sign for variances from"
        f" {LOWEST_VARIANCE:g} to {HIGHEST_VARIANCE:g}."
    )


# --- shared with the pre-activation norm ----------------------------------------------------------


def start(width: int, activation: gaussian.Spec, variance: float) -> tuple[int, Activation, float]:
    """The three arguments of a rate at time 0, checked."""
    n, act, q = (
        whole(width, "width"),
        activations.activation(activation),
        real(variance, "variance"),
    )
    if q <= 0:
        raise ValueError(f"variance must be > 0, not {variance!r}.")
    return n, act, q


def two_slopes(act: Activation) -> tuple[float, float]:
    """The steeper |slope| of a positively homogeneous activation, and the other one over it."""
    slopes = abs(float(act(1.0))), abs(float(act(-1.0)))
    steep = max(slopes)
    if not 0 < steep < 1e150:
        raise ValueError(f"the slopes of {act.name} must be below 1e150 and not both 0.")
    return steep, min(slopes) / steep


def alive_probability(width: int, act: Activation, variance: float) -> float:
    """1 - P(phi(X_i) = 0)^n.

    What phi is within [-8, 8], or within 8 of its kinks, decides where it is 0: farther out a
    GELU, for example, is 0 in floating point only.
    """
    if act.homogeneous:
        return 1 - (math.ldexp(1.0, -width) if two_slopes(act)[1] == 0 else 0.0)
    reach = 8 + max(map(abs, act.kinks), default=0.0)

    def dead(x: np.ndarray) -> np.ndarray:
        return np.asarray(act(np.clip(x, -reach, reach)) == 0, dtype=float)

    probability = gaussian.expectation(dead, variance, act.kinks).value
    if probability > 1 - 1e-12:
        raise ValueError(
            f"{act.name} is 0 at almost every start of variance {variance:g}: no log-norm."
        )
    return -math.expm1(width * math.log(probability)) if probability > 0 else 1.0


def weighted_mean(
    value: Elementwise,
    weight: Elementwise,
    width: int,
    variance: float,
    kinks: Sequence[float] = (),
    name: str = "function",
) -> float:
    """E[ sum_i v(X_i) w(X_i) / sum_i w(X_i) ], v, w >= 0, n >= 2; 0 where every w is 0.

    Equals n int E[v u e^{-u}] (E e^{-u})^{n-1} d(log x), u = x w, by 1/S = int e^{-xS} dx and
    independence.  Absolute error about 1e-12 E v; ValueError if the quadrature does not resolve it.
    """
    deviation = math.sqrt(variance)
    tail = np.array([*range(11), 14, 20, 28, _REACH])
    edges = np.concatenate([-tail, tail, np.asarray(kinks, dtype=float) / deviation])
    edges = np.unique(np.clip(edges, -_REACH, _REACH))
    log_x = _log_x(weight, width, deviation, edges, name)
    means, error = _laplace(value, weight, deviation, edges, np.exp(log_x))
    first, complement = means
    with np.errstate(divide="ignore"):
        log_base = np.log1p(-np.minimum(complement, 1.0))
    kernel = np.exp((width - 1) * log_base)
    total = float(np.dot(first, kernel)) * width * _STEP
    if not (math.isfinite(total) and error <= _RESOLVED):
        raise ValueError(
            f"the weighted mean of {name} is not resolved: relative error {error:.1g}; take a"
            " smaller variance, or give your function its kinks and its derivative."
        )
    return total


# --- two slopes -----------------------------------------------------------------------------------


def _relu_rate(n: int) -> float:
    alive = 1 - math.ldexp(1.0, -n)
    return (n - 4 * alive) / (4 * n * alive)


def _two_slope_rate(n: int, a: float) -> float:
    """r_n(a) without conditioning, also at a = 0."""
    return ((n - 4) * (1 + a * a) + 4 * _scaled_tau(n, a)) / (4 * n)


def _scaled_tau(n: int, a: float) -> float:
    """a^2 tau_n(a) for 0 <= a <= 1; it tends to 2^-n as a -> 0."""
    if a == 0:
        return math.ldexp(1.0, -n)
    if n == 1:
        return (1 + a * a) / 2
    shift = 2 * math.log(a)
    log_y = np.arange(-40 - math.log(n), 45 - shift, _STEP)
    one, other = np.logaddexp(0, log_y), np.logaddexp(0, log_y + shift)
    log_base = np.log1p((np.expm1(-one / 2) + np.expm1(-other / 2)) / 2)
    first = np.exp(log_y + shift - 1.5 * one) + np.exp(log_y + shift - 1.5 * other)
    return n * _STEP / 4 * float(np.dot(first, np.exp((n - 1) * log_base)))


# --- any activation -------------------------------------------------------------------------------


def _nodes(left: np.ndarray, right: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    x, weights = np.polynomial.legendre.leggauss(count)
    half = (right - left) / 2
    g = (left + right)[:, None] / 2 + half[:, None] * x
    density = np.exp(-g * g / 2) / math.sqrt(2 * math.pi)
    return g, half[:, None] * weights * density


def _log_x(
    weight: Elementwise, n: int, deviation: float, edges: np.ndarray, name: str
) -> np.ndarray:
    """Where the integrand over log x lives: it is at most n x E[v w] on the left.

    On the right it falls as e^{-log x}, or as e^{-log x/2} if w vanishes on an interval.
    """
    g, density = _nodes(edges[:-1], edges[1:], 20)
    with np.errstate(over="ignore"):
        w = np.asarray(weight(deviation * g), dtype=float)
    alive = w > 0
    if not np.isfinite(w).all() or not alive.any():
        raise ValueError(
            f"the weighted mean of {name} needs weights that are finite and not all 0."
        )
    typical = np.dot(np.log(w[alive]), density[alive]) / density[alive].sum()
    lowest = -math.log(float(w.max())) - math.log(n) - 40
    highest = -typical + (40 if alive.all() else 76)
    return np.arange(max(lowest, -700), min(highest, 700), _STEP)


def _laplace(
    value: Elementwise, weight: Elementwise, deviation: float, edges: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, float]:
    """E[v u e^{-u}] and E[1 - e^{-u}], u = x w, as rows over x; and the largest relative error.

    Panels are bisected, the worst first, until the rules with 12 and 20 nodes agree.  The first
    mean is compared with its largest value at smaller x: beyond it only absolute size matters.
    """

    def rule(left: np.ndarray, right: np.ndarray, count: int) -> np.ndarray:
        g, density = _nodes(left, right, count)
        with np.errstate(over="ignore"):
            w, v = weight(deviation * g), value(deviation * g)
            u = np.minimum(w[..., None] * x, 800.0)  # e^-800 = 0, and no 0 * inf
        first = np.einsum("pg,pgx->px", density * v, u * np.exp(-u))
        return np.stack([first, np.einsum("pg,pgx->px", density, -np.expm1(-u))])

    left, right = edges[:-1], edges[1:]
    fine, coarse = rule(left, right, 20), rule(left, right, 12)
    for _ in range(80):
        total = fine.sum(axis=1)
        size = np.maximum.accumulate(np.abs(total), axis=1)
        size = np.where(size > 0, size, 1.0)
        error = (np.abs(fine - coarse) / size[:, None]).max(axis=(0, 2))
        worst = np.argsort(error)[-32:]
        middle = (left + right) / 2
        worst = worst[(error[worst] > _TOLERANCE) & (left[worst] < middle[worst])]
        if not worst.size:
            break
        new = (
            np.concatenate([left[worst], middle[worst]]),
            np.concatenate([middle[worst], right[worst]]),
        )
        left, right = (
            np.concatenate([np.delete(old, worst), more])
            for old, more in zip((left, right), new, strict=True)
        )
        fine, coarse = (
            np.concatenate([np.delete(old, worst, axis=1), rule(*new, count)], axis=1)
            for old, count in ((fine, 20), (coarse, 12))
        )
    return total, float(error.sum())
