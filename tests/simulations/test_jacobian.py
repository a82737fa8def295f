"""Jacobians, their products and determinants, on the very same weights as a literal network."""

from __future__ import annotations

import math
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simulations import core, coupled, forward
from simulations.depth_limit import (
    JACOBIAN,
    Params,
    experiments,
)
from simulations.jacobian import log_abs_det, product

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "5"))
DEPTH = 8
Array = np.ndarray[Any, Any]


def networks_of(key: Any, s: coupled.Static, depth: int) -> tuple[Array, list[Array], list[Array]]:
    """Y_0 and the scaled weights (samples, n, n) of the fine and the coarse network, odd depth."""
    first, layers = jax.random.split(jax.random.fold_in(key, 0))
    start = s.shape.start(jax.random.split(first, 3)[0])
    here = jax.random.fold_in(layers, 0)
    pairs = [s.shape.two_layers(jax.random.fold_in(here, k)) for k in range(depth // 2 + 1)]
    scale = math.sqrt(1 / depth / s.width)
    fine = [np.moveaxis(np.asarray(w), 2, 0) * scale for pair in pairs for w in pair][:depth]
    coarse = [a + b for a, b in zip(fine[:-1:2], fine[1::2], strict=True)] + fine[-1:]
    return np.asarray(start).T, fine, coarse


def chain(y: Array, weights: list[Array], depth: int) -> dict[str, Array]:
    """The statistics by automatic differentiation; the controls by their definition."""
    n = y.shape[1]

    def up_to(layers: int) -> tuple[Array, Array]:
        def network(y: Any, *ws: Any) -> Any:
            for w in ws:
                y = y + w @ jnp.tanh(y)
            return y

        apply = jax.vmap(network), jax.vmap(jax.jacfwd(network))
        return tuple(np.asarray(g(y, *weights[:layers])) for g in apply)  # type: ignore[return-value]

    outputs = [up_to(layers) for layers in range(len(weights) + 1)]
    jacobians = [j for _, j in outputs]
    steps = np.diff(jacobians, axis=0)

    def control(of: Any) -> Any:
        pairs = [(of(j), of(d)) for j, d in zip(jacobians, steps, strict=False)]
        return sum((a * d).sum(axis=1) / (a * a).sum(axis=1) for a, d in pairs)

    end = jacobians[-1]
    column = np.log(np.linalg.norm(end, axis=1)) - control(lambda j: j)
    row = np.log(np.linalg.norm(end, axis=2)) - control(lambda j: np.swapaxes(j, 1, 2))
    slopes = [1 / np.cosh(y) ** 2 for y, _ in outputs]
    trace = sum(np.einsum("sii,si->s", w, g) for w, g in zip(weights, slopes, strict=False))
    h = (
        [2 / depth] * (len(weights) - 1) + [1 / depth]
        if len(weights) < depth
        else [1 / depth] * depth
    )
    energy = sum(dt * (g**2).sum(axis=1) for dt, g in zip(h, slopes, strict=False))
    log_det = np.linalg.slogdet(end)[1] - trace
    return {
        "tangent": column[:, 0],
        "gradient": row[:, 0],
        "column_mean": column.mean(axis=1),
        "row_mean": row.mean(axis=1),
        "column_minus_row": (column - row).mean(axis=1),
        "log_det": log_det,
        "log_det_residual": log_det + energy / (2 * n),
        "frobenius": (end**2).sum(axis=(1, 2)) / n,
    }


@pytest.mark.slow
def test_jacobian_of_the_same_weights_by_automatic_differentiation() -> None:
    depth, count = 5, 40
    p = Params(width=3, depth=depth, activation="tanh", dtype="float64")
    key = jax.random.key(SEED)
    block = JACOBIAN.block(key, p, count)
    found = JACOBIAN.estimates(block, p)
    start, fine, coarse = networks_of(key, experiments._explicit(p), depth)
    wanted = [chain(start[:count], [w[:count] for w in ws], depth) for ws in (fine, coarse)]
    for name, value in wanted[0].items():
        other = wanted[1][name]
        for suffix, x in (("", value), ("_limit", 2 * value - other), ("_step", value - other)):
            assert found[f"{name}{suffix}"][:2] == pytest.approx(
                (x.mean(), x.std() / math.sqrt(count - 1)), rel=1e-9, abs=1e-12
            )


def test_products_and_determinants() -> None:
    rng = np.random.default_rng(2)
    for n in (1, 3, 16):
        a, b = rng.standard_normal((2, n, n, 20)) / n
        flat = [np.moveaxis(x, 2, 0) for x in (a, b)]
        np.testing.assert_allclose(
            np.moveaxis(np.asarray(jax.jit(product)(a, b)), 2, 0), flat[0] @ flat[1], atol=1e-14
        )
        wanted = np.linalg.slogdet(np.eye(n) + flat[0])[1]
        np.testing.assert_allclose(jax.jit(log_abs_det)(a), wanted, atol=1e-9)
    assert np.all(np.isfinite(log_abs_det(-jnp.eye(2, dtype="float32")[..., None])))


@pytest.mark.parametrize("n", [2, 5, 16])
def test_products_at_the_size_of_a_batch(n: int) -> None:
    # XLA's float32 kernel on CPUs for sums of broadcast products over a middle axis is wrong for
    # some shapes beyond 10^5 entries (jax 0.10.2): these must not be among them.
    rng = np.random.default_rng(SEED)
    a, b = rng.standard_normal((2, n, n, forward.batch_size(n, True))).astype(np.float32)
    exact = np.einsum("ijs,jks->iks", a.astype(float), b.astype(float))
    assert np.max(np.abs(jax.jit(product)(a, b) - exact)) < 1e-4
