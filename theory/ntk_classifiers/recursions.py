r"""Kernels of infinitely wide networks at finite depth, without cancellation or underflow.

L hidden layers, no biases, inputs on the unit sphere at distance r, x = 1 - delta, delta = r^2/2:

    Sigma_0 = x,  Sigma_l = D(Sigma_{l-1})                          NNGP, `nngp`
    K_0 = x,      K_l = Sigma_l + K_{l-1} D'(Sigma_{l-1})           NTK, `ntk`
    Sigma_L(r = 0) = 1,      K_L(r = 0) = 1 + B' + ... + B'^L

Near (delta < 0.4, psi < 0.5) the layer is delta -> psi(delta), elsewhere x -> D(x).  Where
D(x) = c x^m to rounding, the layers left over follow in one step:

    m = 1     Sigma -> Sigma c^j,                   K -> c^j (K + j Sigma)
    m >= 2    Sigma -> Sigma^e c^q,                 K/Sigma -> e K/Sigma + q,
              e = m^j,  q = (m^j - 1)/(m - 1)

so a singular kernel costs the same at depth 100 and 10^6.  For duals with exact coefficients the
relative error is a few roundings beyond what the rounding of r^2/2 and of D's coefficients does:
1e-15 to 1e-14 at depth 100 (c^L makes L roundings of one in c).

Distances rather than correlations, because 1 - r^2/2 forgets r below 1e-8.  r in [0, 2];
r < 1e-154 counts as 0.  Beyond sqrt(2) correlations are negative: the recursion still holds, and an
odd D gives negative kernels, for which logarithms are refused.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from theory._checks import whole
from theory.ntk_classifiers._forms import Array
from theory.ntk_classifiers.dual import Dual, Spec, dual, inside

Flags = npt.NDArray[np.bool_]

NEAR = 0.4
_BLOCK = 1 << 14
_LOG_MAX = 709.0


def nngp(activation: Spec, r: Any, depth: int, *, log: bool = False) -> Any:
    """Sigma_L at distances r (float or array); with `log` its logarithm, which cannot underflow."""
    d, distances, layers = _arguments(activation, r, depth)
    return _shaped(r, _kernel(d, distances, layers, tangent=False, log=log))


def ntk(activation: Spec, r: Any, depth: int, *, log: bool = False) -> Any:
    """K_L at distances r (float or array); with `log` its logarithm."""
    d, distances, layers = _arguments(activation, r, depth)
    return _shaped(r, _kernel(d, distances, layers, tangent=True, log=log))


def ntk_diagonal(activation: Spec, depth: int, *, log: bool = False) -> float:
    """K_L(x, x) = 1 + B' + ... + B'^L, or its logarithm."""
    value = _log_geometric(dual(activation).chaos, depth_of(depth) + 1)
    if log:
        return value
    if value > _LOG_MAX:
        raise ValueError(f"the NTK at r = 0 is e^{value:.0f} and overflows; pass log=True.")
    return geometric(dual(activation).chaos, depth_of(depth) + 1)


def kernel_gap(activation: Spec, r: Any, depth: int, *, kind: str = "ntk") -> Any:
    """K_L(r = 0) - K_L(r), or Sigma's with kind "nngp": to rounding relative to itself.

    E_l = psi(delta) + K_{l-1}(1) (B' - D'(1 - delta)) + E_{l-1} D'(1 - delta), delta at l - 1; no
    term is negative where correlations are not.  For B' <= 1 and A != 0, where all kernel values
    meet, this is what is left to tell points apart.
    """
    d, distance, layers = _arguments(activation, r, depth)
    tangent = tangent_kind(kind)
    if tangent:
        ntk_diagonal(d, layers)  # refuses to overflow
    delta = np.atleast_1d(distance) ** 2 / 2
    gap, top = delta.copy(), 1.0
    for _ in range(layers):
        slope = d.form.slope_near(delta) if tangent else None
        rise = d.form.slope_gap(delta) if tangent else None
        delta = d.form.gap(delta)
        if slope is not None and rise is not None:
            gap = delta + top * rise + gap * slope
            top = 1 + top * d.chaos
    return _shaped(r, (gap if tangent else delta).reshape(distance.shape))


def tangent_kind(kind: str) -> bool:
    """Whether `kind` is "ntk"; ValueError unless it is "ntk" or "nngp"."""
    if kind not in ("ntk", "nngp"):
        raise ValueError(f"kind must be 'ntk' or 'nngp', not {kind!r}.")
    return kind == "ntk"


def distances(points: Any, others: Any = None) -> Array:
    """|x - x'| of all pairs of rows, from the coordinates; rows must have length 1 within 1e-6.

    Not from inner products: 1 - x.x' loses distances below 1e-8.  The rows are normalised first.
    """
    a = on_sphere(points, "points")
    b = a if others is None else on_sphere(others, "others")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"points have {a.shape[1]} coordinates and others {b.shape[1]}.")
    result = np.zeros((len(a), len(b)))
    rows = max(1, (1 << 16) // max(1, len(b)))
    for start in range(0, len(a), rows):  # blocks that stay in cache
        block = result[start : start + rows]
        for x, y in zip(a[start : start + rows].T, b.T, strict=True):
            difference = x[:, None] - y
            difference *= difference
            block += difference
        np.sqrt(block, out=block)
    return np.minimum(result, 2.0, out=result)


def on_sphere(points: Any, name: str) -> Array:
    """Rows on the unit sphere, normalised to rounding; ValueError naming the first that is not."""
    try:
        x = np.asarray(points, dtype=float)
    except (TypeError, ValueError):
        x = np.zeros(0)
    if x.ndim != 2 or x.shape[1] < 1:
        raise ValueError(f"{name} must be a matrix with one point a row, not shape {x.shape}.")
    lengths = np.linalg.norm(x, axis=1)
    off = ~(np.abs(lengths - 1) <= 1e-6)
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"row {row} of {name} has length {lengths[row]:.6g}, not 1: divide it by its norm."
        )
    return np.asarray(x / lengths[:, None])


def geometric(ratio: float, count: int) -> float:
    """1 + ratio + ... + ratio^(count - 1), accurate near ratio 1."""
    if ratio == 1:
        return float(count)
    power = ratio**count
    if 0.5 < power < 2:
        return math.expm1(count * math.log1p(ratio - 1)) / (ratio - 1)
    return (power - 1) / (ratio - 1)


def _log_geometric(ratio: float, count: int) -> float:
    if ratio > 1 and count * math.log(ratio) > 700:
        return count * math.log(ratio) - math.log(ratio - 1)
    return math.log(geometric(ratio, count))


def depth_of(depth: object) -> int:
    """`depth` as an int >= 0."""
    return 0 if type(depth) is int and depth == 0 else whole(depth, "depth")


def _arguments(activation: Spec, r: Any, depth: int) -> tuple[Dual, Array, int]:
    return dual(activation), inside(r, 0.0, 2.0, "distances r"), depth_of(depth)


def _shaped(r: Any, values: Array) -> Any:
    return float(values) if np.ndim(r) == 0 else values


# --- the orbit of a correlation -----------------------------------------------------------------


class Orbit(NamedTuple):
    """Where the layers led: Sigma and K after `done` layers; from there D(x) = c x^m if fewer."""

    sigma: Array
    delta: Array
    tangent: Array
    done: Array


def linear_below(d: Dual) -> float:
    """|x| below which D(x) = c x^m and x D'(x) = m c x^m to a quarter of a rounding."""
    m = d.order
    if m == 0:
        return 0.0
    following = next((k for k in range(m + 1, len(d.series)) if d.series[k]), None)
    if following is None:
        return 1.0
    rest = math.fsum(k * c for k, c in enumerate(d.series) if k > m) + 1.0
    return float((2.0**-55 * d.series[m] / rest) ** (1 / (following - m)))


def near_one(d: Dual) -> float:
    """Where delta -> psi takes over from x -> D: psi <= 1/2 there, so that 1 - psi keeps D."""
    low, high = 0.0, NEAR
    if d.form.gap(np.array([high]))[0] <= 0.5:
        return high
    for _ in range(20):  # roughly
        middle = (low + high) / 2
        low, high = (low, middle) if d.form.gap(np.array([middle]))[0] > 0.5 else (middle, high)
    return low


def orbit(d: Dual, delta: Array, depth: int | None, tangent: bool) -> Orbit:
    """Iterate each correlation 1 - delta, delta > 0, `depth` times or until D is a power.

    Without a depth D must have D(0) = 0, or the iteration does not end.  Large arrays go in blocks
    that stay in cache, sorted by the binary exponent of delta: most are then all near or all far.
    """
    order = np.argsort(np.frexp(delta)[1].astype(np.int16), kind="stable")
    result, reach = np.empty((4, delta.size)), near_one(d)
    for start in range(0, delta.size, _BLOCK):
        block = order[start : start + _BLOCK]
        result[:, block] = _block_orbit(d, delta[block], depth, tangent, reach)
    return Orbit(*result)


def _block_orbit(d: Dual, delta: Array, depth: int | None, tangent: bool, reach: float) -> Orbit:
    small, layer, last = linear_below(d), 0, np.zeros(0)
    x, done = 1 - delta, np.zeros_like(delta)
    k = x.copy()
    near, alive = delta < reach, delta > 0
    alive &= near | (np.abs(x) > small)
    while alive.any() and (depth is None or layer < depth):
        layer += 1
        _near_layer(d, (x, delta, k), _index(near & alive), tangent)
        _far_layer(d, (x, delta, k), _index(alive & ~near), tangent)
        done[_index(alive)] = layer
        if not small and layer % 64 == 0:  # A != 0: converged, if 64 layers changed no bit
            state = np.stack([x, delta, k])
            if np.array_equal(state, last):
                break
            last = state
        near = delta < reach
        if small:
            alive &= near | (np.abs(x) > small)
        if depth is None:
            alive &= delta > 0  # an antipode that D maps to 1 stays there
    return Orbit(x, delta, k, done)


def _near_layer(d: Dual, state: tuple[Array, Array, Array], index: Any, tangent: bool) -> None:
    if index is None:
        return
    x, delta, k = state
    old = delta[index].copy()
    delta[index] = d.form.gap(old)
    x[index] = 1 - delta[index]
    if tangent:
        k[index] = x[index] + k[index] * d.form.slope_near(old)


def _far_layer(d: Dual, state: tuple[Array, Array, Array], index: Any, tangent: bool) -> None:
    if index is None:
        return
    x, delta, k = state
    old = x[index].copy()
    x[index] = d.form.value(old)
    delta[index] = 1 - x[index]
    if tangent:
        k[index] = x[index] + k[index] * d.form.slope(old)


def _index(chosen: Any) -> Any:
    """A slice if all are chosen (no copies), None if none is, else the indices."""
    count = np.count_nonzero(chosen)
    if not count:
        return None
    return slice(None) if count == chosen.size else np.flatnonzero(chosen)


def _kernel(d: Dual, r: Array, depth: int, *, tangent: bool, log: bool) -> Array:
    if is_symmetric(r):
        return mirrored(r, lambda half: _kernel(d, half, depth, tangent=tangent, log=log))
    if log:
        logs, negative = signed_logs(d, r, depth, tangent)
        if negative.any():
            raise ValueError(
                f"the kernel of {d.name} is negative at r = {r[negative].flat[0]:g}: it has no "
                "logarithm; keep to r < sqrt(2) (nonnegative coordinates)."
            )
        return logs
    delta, signs = folded(d, r.ravel(), depth)
    values = signs * _values(d, orbit(d, delta, depth, tangent), depth, tangent)
    same = delta == 0
    if same.any():
        values[same] = signs[same] * (ntk_diagonal(d, depth) if tangent else 1.0)
    return np.asarray(values.reshape(r.shape))


def signed_logs(d: Dual, r: Array, depth: int, tangent: bool) -> tuple[Array, Flags]:
    """log |kernel| and where the kernel is negative; r already checked."""
    delta, signs = folded(d, r.ravel(), depth)
    logs, negative = _logs(d, orbit(d, delta, depth, tangent), depth, tangent)
    same = delta == 0
    logs[same] = ntk_diagonal(d, depth, log=True) if tangent else 0.0
    negative = (negative != (signs < 0)) & (logs > -math.inf)
    return logs.reshape(r.shape), negative.reshape(r.shape)


def is_symmetric(r: Array) -> bool:
    """Whether half of a matrix of distances is enough."""
    return r.ndim == 2 and r.shape[0] == r.shape[1] > 64 and np.array_equal(r, r.T)


def mirrored(r: Array, function: Callable[[Array], Array]) -> Array:
    """`function` of a symmetric matrix, computed for one triangle."""
    lower = np.tril_indices(len(r))
    result = np.empty_like(r)
    values = function(r[lower])
    result[lower] = values
    result.T[lower] = values
    return result


def folded(d: Dual, r: Array, depth: int) -> tuple[Array, Array]:
    """delta = r^2/2 and the sign; an odd or even D needs correlations >= 0 only."""
    delta = r * r / 2
    signs = np.ones_like(delta)
    if d.parity and depth:
        far = delta > 1
        delta = np.where(far, (2 - r) * (2 + r) / 2, delta)
        signs[far] = d.parity
    return delta, signs


def _left(o: Orbit, depth: int) -> Array:
    """Layers left over; none at r = 0, which has its own formula."""
    return np.where(o.delta == 0, 0.0, depth - o.done)


def _values(d: Dual, o: Orbit, depth: int, tangent: bool) -> Array:
    m, left = d.order, _left(o, depth)
    if m == 0 or not left.any():
        return o.tangent if tangent else o.sigma
    c = d.series[m]
    with np.errstate(all="ignore"):  # underflow is the answer there
        if m == 1:
            front = o.tangent + left * o.sigma if tangent else o.sigma
            return np.asarray(front * np.power(c, left))
        e, q = _powers(m, left)
        power = np.float_power(o.sigma, e) * np.float_power(c, q)
        ratio = e * (o.tangent / o.sigma) + q if tangent else np.ones_like(power)
        return np.where(power == 0, 0.0, power * ratio)


def _logs(d: Dual, o: Orbit, depth: int, tangent: bool) -> tuple[Array, Flags]:
    """log |kernel|, and where the kernel is negative."""
    m, left = d.order, _left(o, depth)
    with np.errstate(all="ignore"):  # log 0 = -inf
        if m == 0:
            front, scale = (o.tangent if tangent else o.sigma), np.zeros_like(left)
        elif m == 1:
            front = o.tangent + left * o.sigma if tangent else o.sigma
            scale = left * math.log(d.series[1])
        else:
            e, q = _powers(m, left)
            odd = (left == 0) | (m % 2 == 1)
            ratio = e * (o.tangent / o.sigma) + q if tangent else 1.0
            front = np.where(odd, np.sign(o.sigma), 1.0) * ratio
            scale = e * np.log(np.abs(o.sigma)) + q * math.log(d.series[m])
        logs = np.log(np.abs(front)) + scale
    return np.where(np.isnan(logs), -math.inf, logs), np.asarray(front < 0)


def _powers(m: int, left: Array) -> tuple[Array, Array]:
    """e = m^left and q = (m^left - 1)/(m - 1)."""
    e = np.power(float(m), left)
    return e, (e - 1) / (m - 1)
