r"""Lower bounds on the Lipschitz constant of a network function, found by attack.

From many points x at once: power iteration on the Jacobian J(x) gives the direction d of the
largest |J d|_2 / |d|_2 (or |J d|_1 / |d|_inf); then x moves along d and along random directions, at
many distances, and keeps what enlarges the gain, which is how it comes across kinks.  Reported
is a difference quotient |f(x + d) - f(x)| / |d| at floats x and x + d, in extended precision where
the activation allows it, minus a bound on its rounding errors: so it is below the Lipschitz
constant of the exact function, if elementary functions are good to 4 units in the last place.
Biases count here: the function attacked is the one of `Network.__call__`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from theory._checks import real, whole
from theory.display import at_least
from theory.lipschitz.linearised import Linearised, evaluate, size
from theory.lipschitz.network import Network

Vector = np.ndarray[Any, np.dtype[np.float64]]

_KEPT = 16  # points that are moved
_TRIED = 4  # points from which difference quotients are taken
_STEPS = np.array([1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0])


class LowerBound(NamedTuple):
    """f differs by at least value |direction| between point and point + direction."""

    value: float
    """0 where nothing was found, for example where f leaves the range of floats."""
    point: Vector
    direction: Vector

    def __repr__(self) -> str:
        return f"LowerBound(at least {at_least(self.value)}, between two points)"


def lower_bound(
    network: Network,
    norm: str = "l2",
    inputs: Any = None,
    *,
    samples: int | None = None,
    iterations: int | None = None,
    scale: float = 1.0,
    seed: int = 0,
) -> LowerBound:
    """The largest difference quotient found, from `samples` normal points and those in `inputs`.

    `inputs` (points, n_0); `scale`: standard deviation of the random points and unit of the steps;
    `iterations` moves of the best points.  None: more for smaller networks, by their weights.
    norm "l2": |.|_2 over |.|_2; "linf": |.|_1 of the outputs over |.|_inf.  Of an implicit network
    it is the norm of a Jacobian in floats, less one part in 1e9.  Raises ValueError for inputs of
    another shape or not finite.
    """
    _known(norm)
    rng = np.random.default_rng(seed)
    scale = abs(real(scale, "scale")) or 1.0
    weights = sum(
        m.size for s in network.stages for m in (s.skip, s.inner, s.outer, s.loop) if m is not None
    )
    samples = min(max(2 * 10**8 // weights, 32), 2048) if samples is None else samples
    iterations = min(max(10**7 // weights, 20), 200) if iterations is None else iterations
    x = scale * rng.standard_normal((network.inputs, whole(samples, "samples")))
    x *= 2.0 ** rng.uniform(-3, 1, x.shape[1])
    x[:, 0] = 0.0
    if inputs is not None:
        x = np.hstack([_points(network, inputs).T, x])
    with np.errstate(all="ignore"):
        d = _unit(rng.standard_normal(x.shape), norm)
        gain, d = _power(Linearised(network, x), d, norm, 4)
        best = np.argsort(-np.nan_to_num(gain, nan=0.0, posinf=0.0))[:_KEPT]
        gain, x, d = gain[best], x[:, best], d[:, best]
        for _ in range(whole(iterations, "iterations")):
            x, d, gain = _moved(network, norm, scale, rng, (x, d, gain))
        gain, d = _power(Linearised(network, x), d, norm, 20)
        best = np.argsort(-np.nan_to_num(gain, nan=0.0, posinf=0.0))[:_TRIED]
        return _quotient(network, x[:, best], d[:, best], norm, scale, gain[best])


def sampled_gradients(network: Network, points: Any, norm: str = "l2") -> Vector:
    """Norms of the Jacobians at points (m, n_0): what sampling tells about a Lipschitz constant.

    Spectral norms, or norms l_inf -> l_1 (for one output: l_1 norms of the gradient; exact while
    the smaller side has at most 12 numbers, else by power iteration, hence lower bounds).
    """
    _known(norm)
    x = _points(network, points).T
    side = min(network.inputs, network.outputs)
    step = max(1, 2**22 // (network.inputs * network.outputs + network.hidden * side))
    parts = [_norms(network, x[:, k : k + step], norm) for k in range(0, x.shape[1], step)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _known(norm: str) -> None:
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")


def _points(network: Network, points: Any) -> Vector:
    x = np.asarray(points, dtype=float)
    x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[1] != network.inputs or not np.isfinite(x).all():
        raise ValueError(
            f"points must be finite numbers of shape (points, {network.inputs}), not of shape "
            f"{np.shape(points)}."
        )
    return x


def _norms(network: Network, x: Vector, norm: str) -> Vector:
    local = Linearised(network, x)
    n, m, batch = network.inputs, network.outputs, x.shape[1]
    if norm == "linf" and min(n, m) > 12:
        start = np.ones((n, batch))
        return _power(local, start, norm, 50)[0]
    # One pass per number of the smaller side gives the whole Jacobian.
    rows = np.arange(min(n, m))
    ways = local.backward if m <= n else local.forward
    jacobian = np.stack([ways(np.outer(np.arange(min(n, m)) == k, np.ones(batch))) for k in rows])
    a = np.moveaxis(jacobian, 2, 0)
    if norm == "l2":
        return np.asarray(np.linalg.norm(a, ord=2, axis=(1, 2)))
    bits = (np.arange(2 ** (len(rows) - 1))[:, None] >> rows) & 1
    best = np.zeros(batch)
    for signs in np.where(bits == 1, -1.0, 1.0):
        best = np.maximum(best, np.abs(np.tensordot(signs, jacobian, 1)).sum(axis=0))
    return best


def _unit(x: Vector, norm: str) -> Any:
    """The direction that agrees best with x among those of length 1 at the input."""
    if norm == "linf":
        return np.where(x < 0, -1.0, 1.0)
    length = size(x, norm)
    # A direction that nothing is known about stays any direction.
    return np.where(length > 0, x / np.where(length > 0, length, 1.0), 1 / math.sqrt(len(x)))


def _power(local: Linearised, d: Vector, norm: str, rounds: int) -> tuple[Vector, Vector]:
    """Gains |J d| and directions d after `rounds` of the (nonlinear) power iteration."""
    for _ in range(rounds):
        y = local.forward(d)
        back = np.where(y < 0, -1.0, 1.0) if norm == "linf" else _unit(y, norm)
        d = _unit(local.backward(back), norm)
    return size(local.forward(d), norm), d


def _moved(
    network: Network,
    norm: str,
    scale: float,
    rng: np.random.Generator,
    state: tuple[Vector, Vector, Vector],
) -> tuple[Vector, Vector, Vector]:
    """One search from every point: along d, away from it, and at random; the best is kept."""
    x, d, gain = state
    n, batch = x.shape
    step = scale * math.sqrt(n if norm == "l2" else 1) * rng.choice(_STEPS, size=(3, batch))
    wild: Any = rng.standard_normal(x.shape)
    # Now and then from a new point.
    wild = np.where(rng.random(batch) < 0.3, scale * wild, x + step[2] * _unit(wild, norm))
    tried = np.hstack([x + step[0] * d, x - step[1] * d, wild])
    gains, ways = _power(Linearised(network, tried), np.tile(d, (1, 3)), norm, 3)
    every = np.nan_to_num(np.vstack([gain, gains.reshape(3, batch)]), nan=0.0, posinf=0.0)
    best = every.argmax(axis=0)
    column = np.arange(batch)
    kept = [
        np.stack([old, *np.split(new, 3, axis=1)])[best, :, column].T
        for old, new in ((x, tried), (d, ways))
    ]
    return kept[0], kept[1], every.max(axis=0)


def _quotient(
    network: Network, x: Vector, d: Vector, norm: str, scale: float, gain: Vector
) -> LowerBound:
    """The best proved difference quotient from the columns of x along those of d."""
    if network.is_implicit:
        value = max(float(np.nan_to_num(gain[0])) * (1 - 1e-9), 0.0)
        return LowerBound(value, x[:, 0], scale * d[:, 0])
    lengths = scale * 2.0 ** np.arange(-24, 6, 2)
    ends = (x[:, :, None] + d[:, :, None] * lengths).reshape(len(x), -1)
    starts = np.repeat(np.arange(x.shape[1]), len(lengths))
    values, errors = evaluate(network, np.hstack([x, ends]))
    moved = values[:, x.shape[1] :] - values[:, starts]
    # Norms of fewer than 1e6 numbers, each difference with one rounding.
    sure = size(moved, norm) * (1 - 1e-9) - (errors[x.shape[1] :] + errors[starts]) * (
        math.sqrt(len(moved)) if norm == "linf" else 1.0
    )
    apart = np.abs(ends.astype(np.longdouble) - x[:, starts])
    far = apart.max(axis=0) if norm == "linf" else size(apart, norm)
    quotient = np.where(far > 0, sure / far, 0.0) * (1 - 1e-9)
    value = np.nan_to_num(quotient.astype(float), nan=0.0, posinf=0.0)
    # Error bounds far below that have lost digits to underflow.
    value[value < 1e-250] = 0.0
    best = int(value.argmax())
    start = x[:, starts[best]]
    return LowerBound(max(float(value[best]), 0.0), start, ends[:, best] - start)
