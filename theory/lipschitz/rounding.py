r"""Patterns of large gain, from the vectors of the ascent (derived; sheet 6.6.7).

The ascent gives every unit a vector in R^r.  A random direction xi turns vectors into numbers: the
input x = X xi and, per unit, a score S xi.  Each activation then takes, among all that it may do
with its pre-activations v, what agrees best with the scores: the slope a or b for which the sign
is right, the order of the scores in a GroupSort group, the reflection that makes u.e and u.score
agree in sign.  Forward and backward sweeps in turn improve x and the scores; every half sweep is an
exact maximisation, so the gain never falls.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory._checks import whole
from theory.lipschitz.network import Network, Stage, log2_scale
from theory.lipschitz.nonlinearity import Nonlinearity
from theory.lipschitz.reductions import scaled_by

Vector = np.ndarray[Any, np.dtype[np.float64]]


def rounded(
    network: Network,
    norm: str = "l2",
    inputs: Any = None,
    scores: Sequence[Any] | None = None,
    seed: int = 0,
    draws: int = 100,
    iterations: int = 60,
) -> float:
    """Gain of the best pattern found, which `patterns.fgl` is never below (up to float rounding).

    `inputs` X (n_0, r) and `scores` S, one (units, r) per stage with units, come from the ascent;
    None: they are drawn at random.  `draws` directions at once.  0 where no pattern passes anything
    on; the largest float where the gain is larger.  Raises ValueError for an implicit network.
    """
    log_gain = log_rounded(network, norm, inputs, scores, seed, draws, iterations)
    # The logarithm of the largest float is 709.78.
    return math.exp(log_gain) if log_gain < 709 else float(np.finfo(float).max)


def log_rounded(
    network: Network,
    norm: str = "l2",
    inputs: Any = None,
    scores: Sequence[Any] | None = None,
    seed: int = 0,
    draws: int = 100,
    iterations: int = 60,
) -> float:
    """Natural logarithm of `rounded`, -inf for 0: deep networks leave the range of floats."""
    if network.is_implicit:
        raise ValueError("patterns of a network with a loop are not rounded; use `fgl`.")
    stages = [_scaled(stage) for stage in network.stages]
    x, given = _start(network, inputs, scores, np.random.default_rng(seed), whole(draws, "draws"))
    best = -math.inf
    with np.errstate(all="ignore"):
        for _ in range(whole(iterations, "iterations")):
            log_gain, choices, y = _forward(stages, x, given, norm)
            alive = np.isfinite(log_gain)
            best = max(best, float(log_gain[alive].max(initial=-math.inf)))
            if not alive.any():
                break
            x, given = _backward(stages, [c[:, alive] for c in choices], y[:, alive], norm)
    return best


@dataclass(frozen=True)
class _Scaled:
    """A stage with weights of order 1, and the logarithm of what was taken out."""

    stage: Stage
    skip: Any
    inner: Any
    log: float


def _scaled(stage: Stage) -> _Scaled:
    gain = max(log2_scale(m) for m in (stage.skip, stage.inner) if m is not None)
    skip, inner = (None if m is None else scaled_by(m, -gain) for m in (stage.skip, stage.inner))
    return _Scaled(stage, skip, inner, gain * math.log(2))


def _start(
    network: Network, inputs: Any, scores: Any, rng: np.random.Generator, draws: int
) -> tuple[Vector, list[Vector]]:
    units = [s.units for s in network.stages if s.inner is not None]
    if inputs is None or scores is None:
        x = rng.standard_normal((network.inputs, draws))
        return x, [rng.standard_normal((n, draws)) for n in units]
    given = [np.asarray(m, dtype=float) for m in (inputs, *scores)]
    rank = given[0].shape[-1]
    expected = [(n, rank) for n in (network.inputs, *units)]
    if [m.shape for m in given] != expected:
        raise ValueError(
            f"inputs and scores must have the shapes {expected}, not {[m.shape for m in given]}."
        )
    xi = rng.standard_normal((rank, draws))
    x, *rows = (m @ xi for m in given)
    return x, rows


def _unit(x: Vector, norm: str) -> Vector:
    if norm == "linf":
        return np.where(x < 0, -1.0, 1.0)
    return np.asarray(x / np.linalg.norm(x, axis=0))


def _forward(
    stages: Sequence[_Scaled], x: Vector, scores: Sequence[Vector], norm: str
) -> tuple[Vector, list[Vector], Vector]:
    """Logarithms of the gains, the pre-activations and the outputs."""
    x = _unit(x, norm)
    log = np.zeros(x.shape[1])
    seen: list[Vector] = []
    for s in stages:
        after: Any = 0.0 if s.skip is None else s.skip @ x
        if s.inner is not None:
            v = s.inner @ x
            e = agreeing(s.stage, v, scores[len(seen)])
            seen.append(v)
            after = after + (e if s.stage.outer is None else s.stage.outer @ e)
        size = np.linalg.norm(after, axis=0)
        log += np.log(size) + s.log
        x = after / size
    if norm == "linf":
        log += np.log(np.abs(x).sum(axis=0))
    return log, seen, x


def _backward(
    stages: Sequence[_Scaled], seen: Sequence[Vector], y: Vector, norm: str
) -> tuple[Vector, list[Vector]]:
    """The next inputs and scores."""
    a = _unit(y, norm)
    scores: list[Vector] = []
    for s in reversed(stages):
        before: Any = 0.0 if s.skip is None else s.skip.T @ a
        if s.inner is not None:
            score = a if s.stage.outer is None else s.stage.outer.T @ a
            v = seen[-1 - len(scores)]
            scores.append(score)
            before = before + s.inner.T @ agreeing(s.stage, score, v)
        a = before / np.linalg.norm(before, axis=0)
    return a, scores[::-1]


def agreeing(stage: Stage, v: Vector, score: Vector) -> Vector:
    """D v for the D of the stage that maximises <score, D v>; v and score are (units, batch).

    <score, D v> = <D^T score, v>, so it also gives D^T score: exchange the arguments.
    """
    kind = stage.activation
    assert kind is not None
    if kind.kind == "slopes":
        assert stage.lower is not None
        assert stage.upper is not None
        same = (v < 0) == (score < 0)
        return np.where(same, stage.upper[:, None], stage.lower[:, None]) * v
    return _agreeing_groups(kind, v, score)


def _agreeing_groups(kind: Nonlinearity, v: Vector, score: Vector) -> Vector:
    shape = (-1, kind.group_size, v.shape[1])
    groups, wanted = v.reshape(shape), score.reshape(shape)
    if kind.kind == "group_sort":
        # Rearrangement inequality: the largest entry goes where the largest score is.
        ranks = np.argsort(np.argsort(wanted, axis=1, kind="stable"), axis=1)
        return np.take_along_axis(np.sort(groups, axis=1), ranks, axis=1).reshape(v.shape)
    u = np.asarray(kind.direction) / math.hypot(*kind.direction)
    along, aim = (np.einsum("h,ghb->gb", u, part) for part in (groups, wanted))
    wrong = np.where((along < 0) != (aim < 0), along, 0.0)
    return np.asarray(groups - 2 * u[:, None] * wrong[:, None]).reshape(v.shape)
