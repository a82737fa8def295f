"""The law of a weight matrix on k inputs against explicit weights, interleaved, on one core.

    python benchmarks/columns.py [--rounds 5]

Forward: samples per second of Y_l = Y_{l-1} + L^{-1/2} W_l relu(Y_{l-1}) for k inputs, in float32,
by `simulations.columns` and by the naive peer of `benchmarks/forward.py` with k columns.

NTK: Theta(a, b) of f = <v, relu(Y_L)> / sqrt(n) on two inputs, weights drawn once and used both
ways; by the conditional law, and with n x n matrices, batched and kept.  The mean of Theta(a, b) is
printed for both: they have the same law.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from simulations import core, engines

engines.start_jax_on_one_core()
core.setup()

import jax  # noqa: E402  # after the thread pool has been sized
import jax.numpy as jnp  # noqa: E402
from forward import KEY, rates  # noqa: E402  # the script beside this one

from simulations.columns import (  # noqa: E402
    Matrix,
    apply_transposed,
    apply_weights,
    batch_size,
    orthonormal,
)

Contestants: TypeAlias = dict[str, tuple[Callable[[int, int, int], object], int]]


@partial(jax.jit, static_argnums=(1, 2, 3, 4))
def explicit(key: jax.Array, k: int, n: int, depth: int, samples: int) -> jax.Array:
    """One network per sample, `vmap` over `scan`, an n x n matrix a layer on k columns."""

    def network(key: jax.Array) -> jax.Array:
        start, layers = jax.random.split(key)

        def layer(y: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
            w = jax.random.normal(key, (n, n), jnp.float32) / jnp.sqrt(jnp.float32(n * depth))
            return y + w @ jnp.maximum(y, 0), None

        y = jax.random.normal(start, (n, k), jnp.float32)
        y, _ = jax.lax.scan(layer, y, jax.random.split(layers, depth))
        return jnp.sum(y * y)

    return jnp.sum(jax.vmap(network)(jax.random.split(key, samples)))


@partial(jax.jit, static_argnums=(1, 2))
def exact_law(
    key: jax.Array, k: int, shape: tuple[int, int], depth: jax.Array, batches: jax.Array
) -> jax.Array:
    """The law of k columns alone, |Y_L|^2 its only statistic; shape is (n, batch)."""
    n, batch = shape
    matrix = Matrix(k, n, n, batch, "float32")
    root = jnp.sqrt(1 / depth).astype(jnp.float32)

    def one(index: jax.Array, total: jax.Array) -> jax.Array:
        start, layers = jax.random.split(jax.random.fold_in(key, index))

        def two(i: jax.Array, y: jax.Array) -> jax.Array:
            for noise in matrix.two_layers(jax.random.fold_in(layers, i)):
                y = y + root * apply_weights(noise, jnp.maximum(y, 0))
            return y

        y = jax.random.normal(start, (k, n, batch), jnp.float32)
        return total + jnp.sum(jax.lax.fori_loop(0, depth // 2, two, y) ** 2)

    total: jax.Array = jax.lax.fori_loop(0, batches, one, jnp.zeros((), jnp.float32))
    return total


def forward_speed(rounds: int) -> None:
    """Table of samples per second and ratios."""
    print("| k | n, L | engine | samples/s | ratio | wanted | compile |")
    print("|---|---|---|---|---|---|---|")
    for k, n, naive_samples, wanted in (
        (2, 100, 16, 25),
        (2, 1000, 1, 300),
        (10, 100, 16, 10),
        (10, 1000, 1, 60),
    ):
        depth = 100 if n < 1000 else 20
        batch = batch_size(k, n)
        batches = max(1, (1 << 25) // (k * n * depth * batch))

        def ours(n: int, depth: int, _: int, k: int = k, batch: int = batch) -> None:
            count = max(1, (1 << 25) // (k * n * depth * batch))
            exact_law(
                KEY, k, (n, batch), jnp.asarray(depth), jnp.asarray(count)
            ).block_until_ready()

        def naive(n: int, depth: int, samples: int, k: int = k) -> None:
            explicit(KEY, k, n, depth, samples).block_until_ready()

        begin = time.perf_counter()
        exact_law.lower(KEY, k, (n, batch), jnp.asarray(depth), jnp.asarray(1)).compile()
        compiled = time.perf_counter() - begin
        name = "explicit weights, jax vmap over scan"
        contestants: Contestants = {
            name: (naive, naive_samples),
            "exact law": (ours, batches * batch),
        }
        found = rates(contestants, n, depth, rounds)
        for engine, rate in found.items():
            extra = f">= {wanted} | {compiled:.2f} s" if engine == "exact law" else "|"
            ratio = rate / found[name]
            print(f"| {k} | {n}, {depth} | {engine} | {rate:,.4g} | {ratio:.3g} | {extra} |")


def start_of_two(key: jax.Array, n: int, batch: int) -> jax.Array:
    """Two inputs of correlation 0.3."""
    x, z = jax.random.normal(key, (2, n, batch), jnp.float32)
    return jnp.stack([x, jnp.float32(0.3) * x + jnp.float32(0.91**0.5) * z])


def inner(x: jax.Array) -> jax.Array:
    """<x_a, x_b> of two columns."""
    return jnp.sum(x[0] * x[1], axis=0)


@partial(jax.jit, static_argnums=(1, 2, 3))
def kernel_by_law(key: jax.Array, n: int, depth: int, batch: int) -> jax.Array:
    """Sum of Theta(a, b) over a batch, by the law of W p and of W^T g given W p."""
    start, end, ahead, back = jax.random.split(key, 4)
    matrix, h = Matrix(2, n, n, batch, "float32"), jnp.float32(1 / depth)

    def layers(y: jax.Array, key: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        path = [y]
        for noise in (noises := matrix.two_layers(key)):
            path.append(path[-1] + jnp.sqrt(h) * apply_weights(noise, jnp.maximum(path[-1], 0)))
        return path[2], (path[0], path[1], *noises)

    keys, fresh = jax.random.split(ahead, depth // 2), jax.random.split(back, depth // 2)
    y, seen = jax.lax.scan(layers, start_of_two(start, n, batch), keys)
    v = jax.random.normal(end, (n, batch), jnp.float32) * jnp.float32(n**-0.5)
    theta = inner(jnp.maximum(y, 0)) / n

    def back_layers(state: tuple[jax.Array, jax.Array], seen: Any) -> Any:
        b, theta = state
        (y0, y1, z0, z1), key = seen
        f0, f1 = matrix.two_fresh(key)
        for y, z, fresh in ((y1, z1, f1), (y0, z0, f0)):
            p = jnp.maximum(y, 0)
            theta = theta + h * inner(b) * inner(p) / n
            pulled = apply_transposed(z, fresh, orthonormal(p), b)
            b = b + jnp.sqrt(h) * jnp.where(y > 0, pulled, 0)
        return (b, theta), None

    state = (jnp.where(y > 0, v, 0), theta)
    (b, theta), _ = jax.lax.scan(back_layers, state, (seen, fresh), reverse=True)
    return jnp.sum(theta + jnp.float32(0.3) * inner(b))


@partial(jax.jit, static_argnums=(1, 2, 3))
def kernel_by_weights(key: jax.Array, n: int, depth: int, batch: int) -> jax.Array:
    """The same with matrices (batch, n, n), kept from the way up to the way down."""
    start, end, layers = jax.random.split(key, 3)
    h = jnp.float32(1 / depth)

    def layer(y: jax.Array, key: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        w = jax.random.normal(key, (batch, n, n), jnp.float32) * jnp.float32(n**-0.5)
        return y + jnp.sqrt(h) * jnp.einsum("sij,sja->sia", w, jnp.maximum(y, 0)), (y, w)

    def pair(x: jax.Array) -> jax.Array:
        return jnp.sum(x[..., 0] * x[..., 1], axis=1)

    y = jnp.transpose(start_of_two(start, n, batch), (2, 1, 0))
    y, seen = jax.lax.scan(layer, y, jax.random.split(layers, depth))
    v = jax.random.normal(end, (batch, n, 1), jnp.float32) * jnp.float32(n**-0.5)

    def back_layer(state: tuple[jax.Array, jax.Array], seen: Any) -> Any:
        (b, theta), (y, w) = state, seen
        theta = theta + h * pair(b) * pair(jnp.maximum(y, 0)) / n
        pulled = jnp.einsum("sij,sia->sja", w, b)
        return (b + jnp.sqrt(h) * jnp.where(y > 0, pulled, 0), theta), None

    state = (jnp.where(y > 0, v, 0), pair(jnp.maximum(y, 0)) / n)
    (b, theta), _ = jax.lax.scan(back_layer, state, seen, reverse=True)
    return jnp.sum(theta + jnp.float32(0.3) * pair(b))


def kernel_speed(rounds: int) -> None:
    """Networks per second at n = 256, both ways, on L = 6: the nearest depth of whole pairs."""
    n, depth = 256, 6
    law, weights = 64, 16
    print("\n| NTK, k = 2, n, L | engine | samples/s | ratio | wanted |\n|---|---|---|---|---|")
    means: dict[str, float] = {}

    def many(name: str, one: Callable[..., jax.Array], batch: int, n: int, count: int) -> None:
        total = [one(jax.random.fold_in(KEY, i), n, depth, batch) for i in range(count // batch)]
        means[name] = float(sum(total)) / count

    name = "explicit weights, batched"
    contestants: Contestants = {
        name: (lambda n, _, s: many(name, kernel_by_weights, weights, n, s), 64),
        "conditional law": (
            lambda n, _, s: many("conditional law", kernel_by_law, law, n, s),
            1024,
        ),
    }
    found = rates(contestants, n, depth, rounds)
    for engine, rate in found.items():
        aim = "" if engine == name else ">= 15"
        ratio = rate / found[name]
        print(f"| {n}, {depth} | {engine} | {rate:,.4g} | {ratio:.3g} | {aim} |")
    print("\nMeans of Theta(a, b): " + ", ".join(f"{k} {v:.4f}" for k, v in means.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    wanted_rounds = parser.parse_args().rounds
    forward_speed(wanted_rounds)
    kernel_speed(wanted_rounds)
