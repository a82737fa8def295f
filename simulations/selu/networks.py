r"""Self-normalising networks in jax: the signal of one input through random layers.

    z_l = W_l h_{l-1},   h_l = f(z_l),   q_l = |h_l|^2 / n,  m_l = mean of h_l,  v_l = q_l - m_l^2,

with alpha dropout, h_l = a (d f(z_l) + (1 - d) f(-inf)) + b, where it is asked for.  W_l is used
once, on h_{l-1}, and so three initialisations have an exact law without it, given h_{l-1}:

    gaussian     W_ij ~ N(0, 1/n):  z_i independent N(0, q).
    orthogonal   W uniform on the orthogonal group: z is uniform on the sphere of radius |h|, that
                 is z = sqrt(n q) g / |g| with g ~ N(0, I_n).
    normalised   rows w uniform on {sum w = 0, |w| = 1}, the unit sphere of a space of d = n - 1
                 dimensions: <w, h> = <w, h - m> = sqrt(n v) u, with u one coordinate of a uniform
                 point of that sphere.  Two such coordinates have 1 - u^2 - u'^2 ~ U^{2 / (d-2)} and
                 a uniform angle, U uniform on (0, 1).  With g, g' ~ N(0, 1), r^2 = g^2 + g'^2, the
                 angle of (g, g') is uniform and U = exp(-r^2 / 2) independent of it, so
                 u = (g / r) sqrt(1 - exp(-r^2 / (d-2))),  one for each row.

(derived; tested against the weights themselves, which are the only way for the others.)
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Moments, variances
from simulations.coupled import Dynamic
from simulations.normals import pair
from simulations.selu.params import MAX_RECORDS
from theory.activations import Activation

GROUP = 64
"""Samples in a group whose variance is one sample of a variance."""


class Code(NamedTuple):
    """What fixes compiled code."""

    width: int
    activation: str
    dtype: str
    initialisation: str
    explicit: bool
    dropout: bool

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""
        return forward.batch_size(self.width, self.explicit)

    def two_layers(self, key: jax.Array) -> tuple[Noise, Noise]:
        """The randomness of two consecutive layers."""
        real: Any = jnp.dtype(self.dtype).type
        weights, chance = jax.random.split(key)
        shape = (self.width, self.batch)
        drawn: Any
        if self.explicit:
            drawn = [self.matrix(k) for k in jax.random.split(weights)]
        elif self.initialisation == "normalised":
            drawn = [pair(k, shape, real) for k in jax.random.split(weights)]
        else:
            drawn = pair(weights, shape, real)
        uniform: Any = (None, None)
        if self.dropout:
            uniform = [jax.random.uniform(k, shape, real) for k in jax.random.split(chance)]
        return Noise(drawn[0], uniform[0]), Noise(drawn[1], uniform[1])

    def matrix(self, key: jax.Array) -> jax.Array:
        """Weights (n_out, n_in, samples)."""
        n, shape = self.width, (self.width, self.width, self.batch)
        if self.initialisation == "orthogonal":
            g = jax.random.normal(key, (self.batch, n, n), self.dtype)
            return jnp.moveaxis(_orthogonal(g), 0, -1)
        return rows(key, self.initialisation, shape, 1, self.dtype)


class Noise(NamedTuple):
    """The randomness of one layer."""

    weights: Any
    """Normals (n, samples), a pair of them, or the weights (n, n, samples)."""
    uniform: jax.Array | None
    """Uniform on (0, 1), for dropout."""


class Signal(NamedTuple):
    """One input on its way, samples along the last axis."""

    q: jax.Array
    m: jax.Array
    h: jax.Array
    """(n, samples) where the weights are explicit, else empty: q and m are enough."""


State: TypeAlias = tuple[Signal, jax.Array, jax.Array]
"""Signal, layers done, and sums over layers of the covariances of q_l, q_{l+1} in each group."""


def rows(key: jax.Array, kind: str, shape: tuple[int, ...], axis: int, dtype: Any) -> jax.Array:
    """Weights of independent neurons, whose inputs lie along `axis`."""
    n = shape[axis]
    real: Any = jnp.dtype(dtype).type
    w: jax.Array
    if kind == "uniform":
        w = jax.random.uniform(key, shape, dtype, -1, 1) * real((3 / n) ** 0.5)
    elif kind == "rademacher":
        w = jax.random.rademacher(key, shape, dtype) * real(n**-0.5)
    elif kind == "equal":
        w = jnp.full(shape, n**-0.5, dtype)
    else:
        w = jax.random.normal(key, shape, dtype) * real(n**-0.5)
    if kind == "normalised":
        w = w - jnp.mean(w, axis, keepdims=True)
        w = w / jnp.sqrt(jnp.sum(w * w, axis, keepdims=True))
    return w


def _orthogonal(g: jax.Array) -> jax.Array:
    """Uniform on the orthogonal group: the Q of g = QR with a positive diagonal of R."""
    q, r = jnp.linalg.qr(g)
    diagonal = jnp.diagonal(r, axis1=-2, axis2=-1)
    return q * jnp.where(diagonal < 0, -1, 1).astype(q.dtype)[:, None, :]


def start(key: jax.Array, code: Code, d: Dynamic) -> Signal:
    """An input of mean `mean` and mean square q0 exactly, otherwise in a random direction."""
    q = jnp.full(code.batch, d["q0"])
    m = jnp.full(code.batch, d["mean"])
    if not code.explicit:
        return Signal(q, m, jnp.zeros((0, code.batch), code.dtype))
    if code.width == 1:
        return Signal(q, jnp.sqrt(q), jnp.sqrt(q)[None, :])
    g = jax.random.normal(key, (code.width, code.batch), code.dtype)
    g = (g - jnp.mean(g, 0)) / jnp.std(g, 0)
    return Signal(q, m, m + jnp.sqrt(q - m * m) * g)


def layer(f: Activation, noise: Noise, s: Signal, code: Code, d: Dynamic) -> Signal:
    """The signal after one more layer."""
    h = f(_pre_activation(noise.weights, s, code))
    if noise.uniform is not None:
        h = d["a"] * jnp.where(noise.uniform < d["keep"], h, d["saturation"]) + d["b"]
    kept = h if code.explicit else s.h
    return Signal(jnp.mean(h * h, axis=0), jnp.mean(h, axis=0), kept)


def _pre_activation(drawn: Any, s: Signal, code: Code) -> jax.Array:
    z: jax.Array
    if code.explicit:
        z = jnp.einsum("ijs,js->is", drawn, s.h)
    elif code.initialisation == "normalised":
        g, other = drawn
        d, square = code.width - 1, g * g + other * other
        share = -jnp.expm1(-square / max(d - 2, 1e-30))
        safe = jnp.where(square > 0, square, 1)  # in float32 it may vanish, and g with it
        z = jnp.sqrt((s.q - s.m * s.m) * code.width * share / safe) * g
    elif code.initialisation == "orthogonal":
        z = jnp.sqrt(s.q / jnp.mean(drawn * drawn, axis=0)) * drawn
    else:
        z = jnp.sqrt(s.q) * drawn
    return z


def path_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of the statistics at every record, and the sums of the regression."""
    first, layers = jax.random.split(key)
    group = min(GROUP, code.batch)
    whole = jnp.all(valid.reshape(-1, group), axis=-1)
    pairs_of_layers = (d["depth"] + 1) // 2

    def one(state: State, noise: Noise) -> State:
        before, done, sums = state
        after = layer(f, noise, before, code, d)
        counted = (done >= d["burn_in"]) & (done < d["depth"])
        sums = sums + jnp.where(counted, _covariances(before.q, after.q, group), 0)
        after = jax.tree.map(lambda a, b: jnp.where(done < d["depth"], a, b), after, before)
        return after, done + 1, sums

    def advance(state: State, noise1: Noise, noise2: Noise) -> State:
        return one(one(state, noise1), noise2)

    def segment(record: jax.Array, carry: tuple[State, Block]) -> tuple[State, Block]:
        state, block = carry
        here = jax.random.fold_in(layers, record)
        bounds = [pairs_of_layers * (record + i) // d["records"] for i in (0, 1)]
        state = forward.march(here, bounds[1] - bounds[0], code, state, advance)
        # Without the barrier XLA spends seconds fusing all statistics into all of their sums.
        now = _moments(jax.lax.optimization_barrier(state[0]), valid, whole, group)
        return state, jax.tree.map(lambda all_, one: all_.at[record].set(one), block, now)

    signal = start(first, code, d)
    shapes = jax.eval_shape(lambda: _moments(signal, valid, whole, group))
    empty = jax.tree.map(lambda x: jnp.zeros((MAX_RECORDS, *x.shape), x.dtype), shapes)
    state = (signal, jnp.asarray(0), jnp.zeros((2, code.batch // group)))
    state, block = jax.lax.fori_loop(0, d["records"], segment, (state, empty))
    covariance, spread = state[2]
    both = jnp.stack([covariance, spread, covariance + spread])
    return dict(block) | {"regression": Moments.of(both, whole)}


def _moments(s: Signal, valid: jax.Array, whole: jax.Array, group: int) -> Block:
    q, m = s.q.astype(jnp.float64), s.m.astype(jnp.float64)
    alive = q > 0
    values = jnp.stack([q, m, q - m * m, jnp.log(jnp.where(alive, q, 1))])
    counted = jnp.stack([valid, valid, valid, valid & alive])
    spread = variances(jnp.stack([q, m]), group) if group > 1 else jnp.zeros((2, *whole.shape))
    return {"paths": Moments.of(values, counted), "spread": Moments.of(spread, whole)}


def _covariances(x: jax.Array, y: jax.Array, group: int) -> jax.Array:
    """Unbiased covariance of x and y, and variance of x, in each group; shape (2, groups)."""
    x, y = (v.astype(jnp.float64).reshape(-1, group) for v in (x, y))
    x = x - jnp.mean(x, axis=1, keepdims=True)
    return jnp.stack([jnp.sum(x * y, axis=1), jnp.sum(x * x, axis=1)]) / max(group - 1, 1)
