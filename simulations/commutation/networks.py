r"""Networks on k inputs in jax: how they start, what a layer does, and what is seen of them.

    resnet   Y_l = Y_{l-1} + alpha_l (sigma_w W_l phi(Y_{l-1}) + sigma_b b_l)
    mlp      Y_l = sigma_w W_l phi(Y_{l-1}) + sigma_b b_l

with W_l by the law of `simulations.columns`.  A homogeneous phi lets an MLP be rescaled at will:
every other layer the columns are brought back to |Y|^2 = n, and the logarithms of their lengths are
kept in double precision, so that no depth is too much.  The names of the statistics are explained
in `simulations.commutation`; nothing here knows a prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Counts, Moments, variances
from simulations.columns import Matrix, apply_weights, batch_size
from simulations.commutation.params import (
    MAX_RECORDS,
    correlation_name,
    pair_name,
    pairs,
)
from simulations.coupled import Dynamic, stored_batch
from simulations.forward import polar
from simulations.normals import pair
from theory.activations import Activation

GROUP = 64
"""Samples in a group whose variance is one sample of a variance."""


class Code(NamedTuple):
    """What fixes compiled code."""

    width: int
    inner: int
    """Width inside a branch of two layers; 0 for one layer."""
    columns: int
    activation: str
    dtype: str
    explicit: bool
    residual: bool
    shaped: bool
    biased: bool
    rescaled: bool
    """Whether columns are brought back to |Y|^2 = n."""
    layers: int
    """Room for this many layers."""
    stored: bool = False
    """Whether the path is kept."""

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""
        wide = max(self.width, self.inner)
        batch = forward.batch_size(wide, True) if self.explicit else batch_size(self.columns, wide)
        if self.stored:
            batch = min(batch, stored_batch(self.width * self.columns, self.layers))
        return batch

    def matrices(self) -> list[Matrix]:
        """The weight matrices of a layer, in the order in which they act."""
        widths = [self.width, *[self.inner] * (self.inner > 0), self.width]
        return [
            Matrix(self.columns, out, into, self.batch, self.dtype, self.explicit)
            for into, out in pairwise(widths)
        ]

    def two_layers(self, key: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        """The randomness of two layers: that of each matrix, and the biases if there are any."""
        matrices = self.matrices()
        if len(matrices) == 1 and not self.biased:
            drawn = [matrices[0].two_layers(key)]
        else:
            keys = jax.random.split(key, len(matrices) + 1)
            drawn = [m.two_layers(k) for m, k in zip(matrices, keys, strict=False)]
            if self.biased:
                shape = (self.width, self.batch)
                drawn.append(pair(keys[-1], shape, jnp.dtype(self.dtype).type))
        return [first for first, _ in drawn], [second for _, second in drawn]


class Network(NamedTuple):
    """A network on its way."""

    y: jax.Array
    """(k, n, samples)"""
    log: jax.Array
    """Logarithm of the scale of every column, (k, samples), double precision."""


def start(key: jax.Array, code: Code, d: Dynamic) -> Network:
    """Y_0, whose rows are N(0, gram)."""
    z = jax.random.normal(key, (code.columns, code.width, code.batch), code.dtype)
    y = jnp.stack([sum(d["root"][a, j] * z[j] for j in range(a + 1)) for a in range(code.columns)])
    return Network(y, jnp.zeros((code.columns, code.batch)))


def unit(f: Activation, code: Code, d: Dynamic) -> Callable[[jax.Array], jax.Array]:
    """The activation, with its two slopes where it is shaped."""

    def shaped(y: jax.Array) -> jax.Array:
        return jnp.where(y > 0, d["plus"], d["minus"]) * y

    return shaped if code.shaped else f


def layer(
    phi: Callable[[jax.Array], jax.Array],
    noise: list[jax.Array],
    y: jax.Array,
    index: Any,
    code: Code,
    d: Dynamic,
) -> jax.Array:
    """Y after layer `index` (from 0); the network itself beyond its depth."""
    alpha = d["alpha"][index]  # 0 beyond the depth of a resnet, 1 elsewhere
    p = y
    if code.inner:
        p = _apply(noise[0], p, code)
        noise = noise[1:]
    # The factors go to phi: XLA's loop over the product is scalar if they are looked up inside it.
    step = _apply(noise[0], alpha * d["sigma_w"] * phi(p), code)
    if code.biased:
        step = step + alpha * d["sigma_b"] * noise[1]
    return y + step if code.residual else jnp.where(index < d["depth"], step, y)


def _apply(noise: jax.Array, p: jax.Array, code: Code) -> jax.Array:
    return apply_weights(noise, p, explicit=code.explicit)


def rescale(net: Network) -> Network:
    """The same network with |Y|^2 = n in every column that is not dead."""
    length, e = polar(jnp.swapaxes(net.y, 0, 1))
    root = net.y.dtype.type(net.y.shape[1] ** 0.5)
    alive = length > 0
    log = net.log + jnp.log(jnp.where(alive, length / root, 1).astype(jnp.float64))
    return Network(root * jnp.swapaxes(e, 0, 1), log)


def kernel_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of every statistic at every record, errors at every layer, and the law."""
    first, layers = jax.random.split(key)
    phi = unit(f, code, d)
    net = begin = start(first, code, d)
    pairs_of_layers = (d["depth"] + 1) // 2

    def advance(state: Any, noise1: list[jax.Array], noise2: list[jax.Array]) -> Any:
        net, done, errors = state
        for noise in (noise1, noise2):
            y = layer(phi, noise, net.y, done, code, d)
            net = Network(y, net.log)
            errors = _errors(errors, net, done, valid, code, d)
            done = done + 1
        return (rescale(net) if code.rescaled else net), done, errors

    def segment(record: jax.Array, carry: Any) -> Any:
        state, block = carry
        here = jax.random.fold_in(layers, record)
        bounds = [pairs_of_layers * (record + i) // d["records"] for i in (0, 1)]
        state = forward.march(here, bounds[1] - bounds[0], code, state, advance)
        # Without the barrier XLA spends seconds fusing all statistics into all of their sums.
        seen = jax.lax.optimization_barrier(observe(begin.y, state[0], code))
        now = _moments(seen, valid)
        return state, jax.tree.map(lambda all_, one: all_.at[record].set(one), block, now)

    shapes = jax.eval_shape(lambda: _moments(observe(begin.y, net, code), valid))
    empty = jax.tree.map(lambda x: jnp.zeros((MAX_RECORDS, *x.shape), x.dtype), shapes)
    state = (net, 0, _no_errors(code))
    (net, _, errors), block = jax.lax.fori_loop(0, d["records"], segment, (state, empty))
    largest, every = errors
    block |= {"error": every, "sup_error": Moments.of(largest, valid)}
    return dict(block) | {"law": law(laws(begin.y, net, code), valid, d)}


class Seen(NamedTuple):
    """What is seen of a batch."""

    values: jax.Array
    """(statistics, samples), in the order of `params.statistics`."""
    counted: jax.Array
    """Which samples count, for each statistic."""
    varied: jax.Array
    """The statistics of VARIED whose variance is measured, and which samples count for them."""
    varied_counted: jax.Array


VARIED = ("log_q", "q_aa", "q_ab")


def observe(begin: jax.Array, net: Network, code: Code) -> Seen:
    """The statistics of a network that started at `begin`."""
    found = _values(begin, net, code)
    varied = [found[name] for name in VARIED if name in found]
    return Seen(*_stacked([*found.values()]), *_stacked(varied))


def _stacked(found: list[tuple[jax.Array, jax.Array]]) -> tuple[jax.Array, jax.Array]:
    values = jnp.stack([value.astype(jnp.float64) for value, _ in found])
    return values, jnp.stack([jnp.broadcast_to(mask, values.shape[1:]) for _, mask in found])


def _values(begin: jax.Array, net: Network, code: Code) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Every statistic, and the samples that count: those of alive inputs, or all."""
    y, every = net.y, jnp.array(True)
    alive = jnp.any(y != 0, axis=1)
    found, both = {}, {}
    for a, b in pairs(code.columns):
        found[pair_name("q", a, b)] = kernel(net, a, b, code), every
        if a < b:
            c = jnp.sum(polar(y[a])[1] * polar(y[b])[1], axis=0)
            both[correlation_name(a, b)] = c, alive[a] & alive[b]
    length = polar(y[0])[0].astype(jnp.float64) * code.width**-0.5
    found |= both
    found["log_q"] = 2 * (jnp.log(jnp.where(alive[0], length, 1)) + net.log[0]), alive[0]
    found["alive"] = alive[0], every
    found["positive"] = jnp.mean(y[0] > 0, axis=0), every
    if code.residual:
        found["third_moment"] = jnp.mean(y[0] ** 3, axis=0), every
        found["fourth_moment"] = jnp.mean(y[0] ** 4, axis=0), every
        found["displacement"] = jnp.mean((y[0] - begin[0]) ** 2, axis=0), every
    return found


def kernel(net: Network, a: int, b: int, code: Code) -> jax.Array:
    """<Y(a), Y(b)> / n, in double precision."""
    mean = jnp.mean(net.y[a] * net.y[b], axis=0).astype(jnp.float64)
    return mean * jnp.exp(net.log[a] + net.log[b]) if code.rescaled else mean


def _moments(seen: Seen, valid: jax.Array) -> Block:
    """Moments of the statistics, and of their variances over groups of samples."""
    return {
        "kernel": Moments.of(seen.values, seen.counted & valid),
        "variance": grouped_variance(seen.varied, seen.varied_counted, valid),
    }


def grouped_variance(values: jax.Array, counted: jax.Array, valid: jax.Array) -> Moments:
    """Moments of the variances over groups of GROUP samples, of which two and more count."""
    group = min(GROUP, valid.shape[0])
    spread = variances(values, group, counted)
    whole = jnp.all(valid.reshape(-1, group), axis=-1)
    enough = jnp.sum(counted.reshape(*spread.shape, group), axis=-1) > 1
    return Moments.of(jnp.where(enough, spread, 0), whole & enough)


Errors: TypeAlias = tuple[jax.Array, Moments]
"""The largest square errors of each sample so far, and the moments of every layer's."""


def _no_errors(code: Code) -> Errors:
    of = min(code.columns, 2)
    zero = jnp.zeros((code.layers, of))
    return jnp.zeros((of, code.batch)), Moments(*(zero,) * 5)


def _errors(
    errors: Errors, net: Network, index: Any, valid: jax.Array, code: Code, d: Dynamic
) -> Errors:
    largest, every = errors
    found = [kernel(net, 0, b, code) - d["reference"][index, b] for b in range(largest.shape[0])]
    square = jnp.where(index < d["depth"], jnp.square(jnp.stack(found)), 0)
    here = Moments.of(square, valid)
    every = Moments(*(a.at[index].set(b) for a, b in zip(every, here, strict=True)))
    return jnp.maximum(largest, square), every


def laws(begin: jax.Array, net: Network, code: Code) -> dict[str, tuple[jax.Array, jax.Array]]:
    """What a law may be of, in the order of `params.laws`, and the samples that count."""
    y = net.y[:, 0] * (jnp.exp(net.log) if code.rescaled else 1)
    every = jnp.array(True)
    found = {"neuron": (y[0], every), "active": (jnp.sum(net.y[0] > 0, axis=0), every)}
    if code.columns > 1:
        found |= {"difference": (y[0] - y[1], every), "product": (y[0] * y[1], every)}
    return found | _values(begin, net, code)


def law(found: dict[str, tuple[jax.Array, jax.Array]], valid: jax.Array, d: Dynamic) -> Counts:
    """Bin counts of the one that is asked for, which is a number: all share compiled code."""
    values, counted = _stacked([*found.values()])
    chosen = d["binned"]
    return Counts.of(values[chosen], d["edges"], counted[chosen] & valid)
