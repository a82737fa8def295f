r"""The covariance flow of infinitely wide residual networks, of any or infinite depth (C1-C3, C7).

q = (q_aa, q_bb, q_ab), c = q_ab/sqrt(q_aa q_bb), (U, V) ~ N(0, [[q_aa, q_ab], [q_ab, q_bb]]),

    dq/dt = F(q) = (E phi(U)^2, E phi(V)^2, E phi(U) phi(V))         infinite depth
    q_l = q_{l-1} + h_l F(q_{l-1}),   h_l = time alpha_l^2           finite depth: Euler's scheme
    q_L = q(time) + beta/L + O(L^-2)                                 alpha_l = L^{-1/2}

Homogeneous phi, u = phi(1), d = phi(-1):  q_aa = q0 e^{rt}, r = (u^2 + d^2)/2, and

    dc/dt = (u + d)^2 (sin theta - theta cos theta)/(2 pi),   theta = arccos c,

the flow of ReLU, `theory.angle`, run (u + d)^2 times as fast (derived: relu 1, abs 4, linear 0,
leaky_relu:a (1 - a)^2).  With J = dF/dq the depth correction has beta/time = e,

    e' = J e - J F/2,   e(0) = 0                                     (derived: Euler's global error)

and for any continuous phi, by Gaussian integration by parts,

    dF_aa/dq_aa = E U phi(U) phi'(U)/q_aa,   dF_ab/dq_ab = E phi'(U) phi'(V),
    dF_ab/dq_aa = E phi''(U) phi(V)/2.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import integrate

from theory import activations, gaussian
from theory import angle as relu_angle
from theory._checks import correlation as checked_correlation
from theory._checks import nonnegative, real, whole
from theory.activations import Activation

Array = npt.NDArray[np.float64]

LARGEST = 1e50
"""Variance where the equation is given up: the growth is then faster than exponential."""
_SLACK = 1e-9
"""How far rounding may push q_ab beyond sqrt(q_aa q_bb), relative."""


class Covariance(NamedTuple):
    """A symmetric function of two inputs a, b: the kernel, its correction, or a tangent kernel."""

    q_aa: float
    q_bb: float
    q_ab: float


def correlation(
    c0: float, time: float, activation: gaussian.Spec = "relu", q0: float = 1.0
) -> float:
    """c_t of infinite width and depth, from c_0 = `c0` and q_aa = q_bb = `q0`.

    Homogeneous activations: independent of q0, absolute error of a few 1e-16.  1 - c_t is
    2 sin^2(theta/2) for theta = `angle(arccos(c0), t)`, which has no cancellation.
    """
    c, t, act = checked_correlation(c0), nonnegative(time), activations.activation(activation)
    if act.homogeneous:
        return math.cos(relu_angle.angle(math.acos(c), _speed(act) * t))
    start = nonnegative(q0, "q0")
    if start == 0:
        raise ValueError("q0 must be > 0: an input that is 0 has no correlation.")
    return ratio(covariance(start, start, c * start, t, act))


def covariance(
    q_aa: float, q_bb: float, q_ab: float, time: float, activation: gaussian.Spec = "relu"
) -> Covariance:
    """q(time) of infinite width and depth from q(0) = (q_aa, q_bb, q_ab).

    Homogeneous activations in closed form; else Runge-Kutta, relative error about 1e-12.
    ValueError for a matrix that is not a covariance, and for an overflow before `time`.
    """
    return Covariance(*covariance_path(q_aa, q_bb, q_ab, [time], activation)[0].tolist())


def covariance_path(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    times: Sequence[float] | Array,
    activation: gaussian.Spec = "relu",
) -> Array:
    """q at each of the increasing `times`; shape (len(times), 3), columns aa, bb, ab."""
    q, act = checked(q_aa, q_bb, q_ab), activations.activation(activation)
    clock_times = [nonnegative(t) for t in times]
    if sorted(clock_times) != clock_times:
        raise ValueError("times must not decrease.")
    if act.homogeneous:
        return np.array([_homogeneous(q, t, act) for t in clock_times]).reshape(-1, 3)
    return solve(lambda _, x: _rates(x, act), np.array(q), clock_times, act.name, 1e-13)


def finite_depth_covariance(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    depth: int,
    activation: gaussian.Spec = "relu",
    scales: Sequence[float] | Array | None = None,
) -> Covariance:
    """q_L of infinite width and depth L; `scales` are the L branch factors alpha_l, else L^-1/2."""
    path = finite_depth_path(q_aa, q_bb, q_ab, time, depth, activation, scales)
    return Covariance(*path[-1].tolist())


def finite_depth_path(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    depth: int,
    activation: gaussian.Spec = "relu",
    scales: Sequence[float] | Array | None = None,
) -> Array:
    """q_0, ..., q_L of infinite width; shape (L + 1, 3), columns aa, bb, ab."""
    q, act = checked(q_aa, q_bb, q_ab), activations.activation(activation)
    path = [np.array(q)]
    for step in layer_times(time, depth, scales):
        with np.errstate(over="ignore", invalid="ignore"):
            path.append(path[-1] + step * _rates(path[-1], act))
        if not max(path[-1][:2]) < (math.inf if act.homogeneous else LARGEST):
            raise ValueError(f"the covariance of {act.name} overflows at layer {len(path) - 1}.")
    return np.array(path)


def clock(scales: Sequence[float] | Array) -> float:
    """sum_l alpha_l^2: the time that branch factors alpha_1, ..., alpha_L stand for (C7)."""
    factors = [real(a, f"scale {i} of {len(scales)}") for i, a in enumerate(scales, start=1)]
    return math.fsum(a * a for a in factors)


def layer_times(
    time: float, depth: int, scales: Sequence[float] | Array | None = None
) -> list[float]:
    """h_l = time alpha_l^2 for l = 1..L, alpha_l = L^-1/2 without `scales`."""
    t, layers = nonnegative(time), whole(depth, "depth")
    if scales is None:
        return [t / layers] * layers
    if len(scales) != layers:
        raise ValueError(f"scales must hold one factor per layer: {len(scales)} for {layers}.")
    return [t * clock([a]) for a in scales]


def depth_correction(
    q_aa: float, q_bb: float, q_ab: float, time: float, activation: gaussian.Spec = "relu"
) -> Covariance:
    """beta = lim L (q_L - q(time)) with alpha_l = L^-1/2; relative error about 1e-9."""
    q, t = checked(q_aa, q_bb, q_ab), nonnegative(time)
    act = activations.activation(activation)

    def slope(_: float, state: Array) -> Array:
        x, e = state[:3], state[3:]
        f = _rates(x, act)
        return np.concatenate([f, _jacobian(x, act) @ (e - f / 2)])

    start = np.concatenate([np.array(q), np.zeros(3)])
    return Covariance(*(t * solve(slope, start, [t], act.name, 1e-10)[0, 3:]).tolist())


def rates(q: Sequence[float] | Array, activation: gaussian.Spec = "relu") -> Array:
    """F(q) = (E phi(U)^2, E phi(V)^2, E phi(U) phi(V)), shape (3,)."""
    return _rates(np.array(checked(*q)), activations.activation(activation))


def jacobian(q: Sequence[float] | Array, activation: gaussian.Spec = "relu") -> Array:
    """dF_i/dq_j, shape (3, 3), rows and columns in the order aa, bb, ab.

    For a continuous phi and positive variances; the entries dF_ab are limits where c = +-1.
    """
    act = activations.activation(activation)
    return _jacobian(np.array(checked(*q)), act)


def angle(theta0: float, time: float, activation: gaussian.Spec = "relu") -> float:
    """theta_t = arccos c_t from theta_0 in [0, pi], homogeneous phi; relative error below 1e-14."""
    return relu_angle.angle(theta0, speed(activation) * nonnegative(time))


def time_between(theta0: float, theta: float, activation: gaussian.Spec = "relu") -> float:
    """The time in which the angle falls from `theta0` to `theta`: the inverse of `angle`."""
    fast = speed(activation)
    if fast == 0 and theta != theta0:
        raise ValueError("a linear network keeps its angles: theta must equal theta0.")
    time = relu_angle.time_between(theta0, theta)
    return time / fast if fast else 0.0


def speed(activation: gaussian.Spec) -> float:
    """(phi(1) + phi(-1))^2 for a homogeneous phi: how much faster its angle moves than ReLU's."""
    act = activations.activation(activation)
    if not act.homogeneous:
        raise ValueError(f"{act.name} is not homogeneous; take relu, abs, linear or leaky_relu:a.")
    return _speed(act)


def checked(q_aa: float, q_bb: float, q_ab: float) -> Covariance:
    """A covariance matrix, or ValueError; rounding beyond q_ab^2 = q_aa q_bb is cut off."""
    aa, bb, ab = nonnegative(q_aa, "q_aa"), nonnegative(q_bb, "q_bb"), real(q_ab, "q_ab")
    most = _largest(aa, bb)
    if abs(ab) > most * (1 + _SLACK):
        raise ValueError(
            f"q_ab must be between -{most:g} and {most:g} = sqrt(q_aa q_bb), not {ab!r}."
        )
    return Covariance(aa, bb, min(max(ab, -most), most))


# --- homogeneous activations --------------------------------------------------------------------


def _speed(act: Activation) -> float:
    return (float(act(1.0)) + float(act(-1.0))) ** 2


def growth(act: Activation) -> float:
    """E phi(g)^2 = (phi(1)^2 + phi(-1)^2)/2 for a homogeneous phi."""
    return (float(act(1.0)) ** 2 + float(act(-1.0)) ** 2) / 2


def _homogeneous(q: Covariance, t: float, act: Activation) -> list[float]:
    exponent = growth(act) * t
    factor = math.exp(exponent) if exponent < 700 else math.inf
    aa, bb = q.q_aa * factor if q.q_aa else 0.0, q.q_bb * factor if q.q_bb else 0.0
    if not (math.isfinite(aa) and math.isfinite(bb)):
        raise ValueError(f"the covariance of {act.name} overflows before time {t:g}; reduce time.")
    c = math.cos(relu_angle.angle(math.acos(ratio(q)), _speed(act) * t))
    return [aa, bb, _largest(aa, bb) * c]


# --- any activation -----------------------------------------------------------------------------


def ratio(q: Sequence[float] | Array) -> float:
    """c, or 0 where an input is 0."""
    aa, bb, ab = q
    most = _largest(float(aa), float(bb))
    return min(max(float(ab) / most, -1.0), 1.0) if most else 0.0


def _largest(aa: float, bb: float) -> float:
    """sqrt(q_aa q_bb), exact where they are equal."""
    return aa if aa == bb else math.sqrt(aa) * math.sqrt(bb)


def _rates(q: Array, act: Activation) -> Array:
    most = math.inf if act.homogeneous else LARGEST  # a trial step may go beyond
    aa, bb = (min(max(float(v), 0.0), most) for v in q[:2])
    c = ratio((aa, bb, float(q[2])))
    if act.homogeneous:
        f_aa, f_bb = growth(act) * aa, growth(act) * bb
    else:
        f_aa = gaussian.moment(act, 2, aa)
        f_bb = f_aa if aa == bb else gaussian.moment(act, 2, bb)
    f_ab = f_aa if aa == bb and c == 1 else gaussian.dual(act, c, aa, bb)
    return np.array([f_aa, f_bb, f_ab])


def _jacobian(q: Array, act: Activation) -> Array:
    aa, bb = float(q[0]), float(q[1])
    if min(aa, bb) <= 0:
        raise ValueError(f"the Jacobian needs positive variances, not {min(aa, bb)!r}.")
    c = ratio(q)
    slope = gaussian.dual_derivative(act, c, aa, bb) / (math.sqrt(aa) * math.sqrt(bb))
    by_aa = gaussian.dual_curvature(act, c, aa, bb) / (2 * aa)
    by_bb = by_aa if aa == bb else gaussian.dual_curvature(act, c, bb, aa) / (2 * bb)
    own_aa = _own(act, aa)
    own_bb = own_aa if aa == bb else _own(act, bb)
    return np.array([[own_aa, 0.0, 0.0], [0.0, own_bb, 0.0], [by_aa, by_bb, slope]])


def _own(act: Activation, q: float) -> float:
    """d E phi(U)^2/dq = E U phi(U) phi'(U)/q, for a continuous phi."""
    if act.homogeneous:
        return growth(act)
    found = gaussian.expectation(lambda x: x * act(x) * act.derivative(x), q, act.kinks)
    return found.value / q


def solve(
    slope: Callable[[float, Array], Array], start: Array, times: list[float], name: str, rtol: float
) -> Array:
    """Solution of x' = slope(t, x) at `times`; the first two entries are variances."""

    def too_large(_: float, x: Array) -> float:
        return LARGEST - float(max(x[0], x[1]))

    too_large.terminal = True  # type: ignore[attr-defined]  # how scipy is told to stop there
    if not times or times[-1] == 0:
        return np.tile(start, (len(times), 1))
    distinct, place = np.unique(times, return_inverse=True)
    solution = integrate.solve_ivp(
        slope,
        (0.0, times[-1]),
        start,
        method="DOP853",
        rtol=rtol,
        atol=rtol / 100 * float(np.abs(start).max()),
        t_eval=distinct,
        events=too_large,
    )
    if solution.status != 0:
        raise ValueError(
            f"the covariance of {name} overflows before time {times[-1]:g}; reduce time."
        )
    return np.asarray(solution.y.T[place])
