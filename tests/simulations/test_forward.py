"""The forward engine: batches, lanes, layers, and memory."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simulations import core, forward
from simulations.accumulators import Block, Counts, Moments
from tests.simulations.commands import succeed

core.setup()

BATCH = 16
KEY = jax.random.key(7)


def statistics(key: jax.Array, valid: jax.Array) -> Block:
    x = jax.random.normal(key, (BATCH,), jnp.float32)
    return {"x": Moments.of(x, valid), "law": Counts.of(x, jnp.zeros(1, jnp.float32), valid)}


@partial(jax.jit, static_argnums=1)
def accumulate(count: jax.Array, lanes: int) -> Block:
    return forward.accumulate(KEY, count, BATCH, statistics, lanes)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 64, 65, 160])
def test_first_samples_of_every_batch_count(count: int) -> None:
    batches = [
        np.asarray(jax.random.normal(jax.random.fold_in(KEY, b), (BATCH,), jnp.float32))
        for b in range(-(-count // BATCH))
    ]
    x = np.concatenate(batches)[:count].astype(float)
    found = accumulate(jnp.asarray(count), 1)
    assert float(found["x"].n) == count
    assert float(found["x"].mean) == pytest.approx(x.mean(), rel=1e-13)
    assert float(found["x"].m2) == pytest.approx(((x - x.mean()) ** 2).sum(), rel=1e-12, abs=1e-30)
    assert np.asarray(found["law"].counts).tolist() == [(x <= 0).sum(), (x > 0).sum()]


@pytest.mark.parametrize("count", [1, 16, 17, 160])
def test_lanes_change_nothing_but_rounding(count: int) -> None:
    one, four = (accumulate(jnp.asarray(count), lanes) for lanes in (1, 4))
    for name, accumulator in one.items():
        for a, b in zip(accumulator, four[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-30)


def test_batches_fill_the_cache_and_no_more() -> None:
    for width in (1, 3, 4, 100, 1000, 10**6):
        for explicit in (False, True):
            batch = forward.batch_size(width, explicit)
            assert batch >= 2
            assert batch & (batch - 1) == 0
            size = width * (width if explicit else 1) * batch
            assert batch == 2 or forward.STATE_SIZE / 2 < size <= forward.STATE_SIZE


def test_explicit_weights_are_a_matrix_product() -> None:
    w = np.random.default_rng(1).standard_normal((3, 3, 5))
    phi = np.random.default_rng(2).standard_normal((3, 5))
    found = forward.apply_weights(jnp.asarray(w), jnp.asarray(phi))
    wanted = np.stack([w[:, :, s] @ phi[:, s] for s in range(5)], axis=1) / np.sqrt(3)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_exact_law_has_the_norm_of_phi() -> None:
    z = np.random.default_rng(1).standard_normal((3, 5))
    phi = np.random.default_rng(2).standard_normal((3, 5))
    found = forward.apply_weights(jnp.asarray(z), jnp.asarray(phi))
    np.testing.assert_allclose(found, np.linalg.norm(phi, axis=0) / np.sqrt(3) * z, rtol=1e-13)


def test_march_uses_fresh_normals_in_every_layer() -> None:
    shape = forward.Shape(2, 4096, "float32")

    def advance(state: Any, first: Any, second: Any) -> Any:
        return state[0].at[state[1]].set(first).at[state[1] + 1].set(second), state[1] + 2

    empty = (jnp.zeros((6, 2, 4096), jnp.float32), 0)
    layers, end = jax.jit(lambda k: forward.march(k, 3, shape, empty, advance))(KEY)
    assert end == 6
    rows = np.asarray(layers, dtype=float).reshape(12, -1)
    # 66 correlations of 4096 pairs; 1e-6 in all: |r| < 5.7 / 64.
    assert np.abs(np.corrcoef(rows) - np.eye(12)).max() < 5.7 / 64


MEMORY = """
import resource, sys
from simulations import core
from simulations.core import Job
from simulations.depth_limit import PATHS, Params
core.setup()
core.run([Job(PATHS, Params(width=4, depth=64), 1)], 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
core.run([Job(PATHS, Params(width=4, depth=64), int(sys.argv[1]))], 1)
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    start = "import resource; import jax, simulations.depth_limit, simulations.residual\n"
    start += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    imported = int(succeed([sys.executable, "-c", start], tmp_path))
    used = []
    for samples in (1 << 18, 1 << 22):
        said = succeed([sys.executable, "-c", MEMORY, str(samples)], tmp_path)
        used.append(int(said.split()[1]) - imported)
    assert used[1] <= 1.15 * used[0]
