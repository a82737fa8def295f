"""The law of one weight matrix on several vectors, against weights in numpy.

Both directions are linear in the normals, so feeding them the unit vectors gives the linear map
itself and its covariance exactly, without chance.  The wanted covariance is that of the rows of
W p, p p^T / n_in; backward it is the regression of literal weights on what was seen of them.
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from simulations import core
from simulations.columns import (
    Matrix,
    apply_transposed,
    apply_weights,
    images,
    orthonormal,
)

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "4"))
Array = np.ndarray[Any, Any]
APPLY = jax.jit(apply_weights, static_argnames="explicit")
BASIS = jax.jit(orthonormal)
TRANSPOSED = jax.jit(apply_transposed, static_argnames="explicit")


def rng(word: int = 0) -> np.random.Generator:
    return np.random.default_rng([SEED, word])


def vectors(kind: str, n: int, samples: int = 6) -> Array:
    """Vectors (k, n, samples) of every kind that a network can produce."""
    p = rng(1).standard_normal((4, n, samples))
    if kind == "equal":
        p[1] = p[0]
        p[3] = p[2]
    elif kind == "opposite":
        p[1] = -p[0]
    elif kind == "zero":
        p[1] = 0
    elif kind == "first zero":
        p[0] = 0
    elif kind == "all zero":
        p[:] = 0
    elif kind == "dependent":
        p[2] = 0.3 * p[0] - 2 * p[1]
    elif kind == "rectified":
        p = np.maximum(p, 0)
    elif kind == "nearly equal":  # 1 - c = 1e-6
        p[1] = p[0] + 1.5e-3 * p[1]
        p[2] = p[0] + 1.5e-3 * p[2]
    elif kind == "tiny":
        p *= np.array([1e-30, 1.0, 1e-25, 1e15])[:, None, None]
    elif kind == "one":
        p = p[:1]
    return p


KINDS: tuple[str, ...] = (
    "generic",
    "equal",
    "opposite",
    "zero",
    "first zero",
    "all zero",
    "dependent",
)
KINDS += ("rectified", "nearly equal", "tiny", "one")
WIDTHS = (1, 2, 3, 7, 64)  # up to three are less than the number of vectors
EPS = {"float32": 2**-23, "float64": 2**-52}


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("n", WIDTHS)
def test_basis(n: int, dtype: str) -> None:
    for kind in KINDS:
        p = vectors(kind, n).astype(dtype)
        k = len(p)
        e, r = (np.asarray(x, dtype=float) for x in BASIS(jnp.asarray(p)))
        # A few roundings of sums of n terms, relative to |p_a|.
        slack = 8 * k * EPS[dtype] * math.sqrt(n)
        gap = np.linalg.norm(np.einsum("ajs,jns->ans", r, e) - p, axis=1)
        assert (gap <= slack * np.linalg.norm(p.astype(float), axis=1)).all(), kind
        assert (r[np.triu_indices(k, 1)] == 0).all()
        overlap = np.einsum("ans,bns->abs", e, e)
        diagonal = np.einsum("aas->as", overlap).copy()
        np.einsum("aas->as", overlap)[:] = 0
        assert np.abs(overlap).max() <= slack, kind
        assert np.minimum(np.abs(diagonal), np.abs(diagonal - 1)).max() <= slack, kind
        assert (np.rint(diagonal).sum(axis=0) <= n).all()
        assert (e[np.all(p == 0, axis=1)[:, None, :] & np.ones_like(e, dtype=bool)] == 0).all()


def linear_map(p: Array, fan_out: int = 2) -> Array:
    """m[a, j, s]: coefficient of z_j in W p_a; every row i must have the same, and only its own."""
    k, samples = len(p), p.shape[2]
    parts = []
    for j in range(k):
        for i in range(fan_out):
            z = np.zeros((k, fan_out, samples), p.dtype)
            z[j, i] = 1
            found = np.asarray(APPLY(jnp.asarray(z), jnp.asarray(p)), dtype=float)
            assert (np.delete(found, i, axis=1) == 0).all()
            parts.append(found[:, i])
    rows = np.stack(parts, axis=1).reshape(k, k, fan_out, samples)
    np.testing.assert_array_equal(rows[:, :, 0], rows[:, :, 1])
    return rows[:, :, 0]


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("n", WIDTHS)
def test_covariance_of_the_rows_is_the_gram_matrix(n: int, dtype: str) -> None:
    for kind in KINDS:
        p = vectors(kind, n).astype(dtype)
        m = linear_map(p)
        exact = p.astype(float)
        wanted = np.einsum("ans,bns->abs", exact, exact) / n
        scale = np.sqrt(np.einsum("aas,bbs->abs", wanted, wanted))
        gap = np.abs(np.einsum("ajs,bjs->abs", m, m) - wanted)
        assert (gap <= 8 * len(p) * EPS[dtype] * math.sqrt(n) * scale).all(), kind


def test_nearly_equal_vectors_keep_their_difference() -> None:
    # From the Gram matrix in single precision the variance of the difference would be off by 6 %.
    n = 64
    p = vectors("nearly equal", n).astype(np.float32)
    m = linear_map(p)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        c = np.corrcoef(p[a, :, 0].astype(float), p[b, :, 0])[0, 1]
        assert 1e-7 < 1 - c < 1e-5
        wanted = np.sum((p[a].astype(float) - p[b]) ** 2, axis=0) / n
        found = np.sum((m[a] - m[b]) ** 2, axis=0)
        # The coefficients carry a few roundings relative to |p|, 1e3 times those of p_a - p_b.
        np.testing.assert_allclose(found, wanted, rtol=2e-3)


def test_forms_of_forward_agree() -> None:
    p, z = rng(2).standard_normal((3, 5, 4)), rng(3).standard_normal((3, 7, 4))
    found = apply_weights(jnp.asarray(z), jnp.asarray(p))
    assert found.shape == (3, 7, 4)
    by_basis = apply_weights(jnp.asarray(z), orthonormal(jnp.asarray(p)))
    np.testing.assert_allclose(by_basis, found, rtol=1e-12, atol=1e-14)
    apart = images(jnp.asarray(z.reshape(21, 4)), [jnp.asarray(x) for x in p])
    np.testing.assert_allclose(np.stack(apart), found, rtol=1e-12, atol=1e-14)


def test_explicit_weights_are_matrix_products() -> None:
    w, p, g = (
        rng(4 + i).standard_normal(s) for i, s in enumerate([(4, 3, 5), (2, 3, 5), (2, 4, 5)])
    )
    forward = np.stack([w[:, :, s] @ p[:, :, s].T for s in range(5)], axis=2).swapaxes(0, 1)
    back = np.stack([w[:, :, s].T @ g[:, :, s].T for s in range(5)], axis=2).swapaxes(0, 1)
    np.testing.assert_allclose(APPLY(w, p, explicit=True), forward / math.sqrt(3), rtol=1e-12)
    found = TRANSPOSED(w, g, None, g, explicit=True)
    np.testing.assert_allclose(found, back / math.sqrt(3), rtol=1e-12)
    np.testing.assert_allclose(
        np.stack(images(jnp.asarray(w), list(jnp.asarray(p)))), forward / math.sqrt(3), rtol=1e-12
    )
    with pytest.raises(TypeError, match="not to their basis"):
        apply_weights(jnp.asarray(w), orthonormal(jnp.asarray(p)), explicit=True)


# --- backward -------------------------------------------------------------------------------------


def span(p: Array) -> Array:
    """Orthonormal basis of the span of p (k, n), by singular values, as columns."""
    u, s, _ = np.linalg.svd(p.T, full_matrices=False)
    kept: Array = u[:, s > 1e-5 * max(s.max(), 1e-300)]
    return kept


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6), (3, 2), (1, 1)])
def test_backward_is_the_conditional_law(shape: tuple[int, int], dtype: str) -> None:
    # Given W P = Y, the matrix W is Y P^+ plus noise that is free across P (P^+ = pseudo-inverse):
    # W^T g has mean (Y P^+)^T g and covariance <g_a, g_b> (I - P P^+) / n_in.
    out, into = shape
    for kind in ("generic", "equal", "opposite", "zero", "dependent", "rectified", "one"):
        p = vectors(kind, into).astype(dtype)
        k, _, samples = p.shape
        z = rng(8).standard_normal((k, out, samples)).astype(dtype)
        g = rng(9).standard_normal((2, out, samples)).astype(dtype)
        basis = BASIS(jnp.asarray(p))
        y = np.asarray(apply_weights(jnp.asarray(z), basis), dtype=float)
        zero = jnp.zeros((2, into, samples), dtype)
        mean = np.asarray(TRANSPOSED(z, zero, basis, g), dtype=float)
        units = [zero.at[j, i].set(1) for j in range(2) for i in range(into)]
        moved = [np.asarray(TRANSPOSED(z, u, basis, g), dtype=float) - mean for u in units]
        noise = np.stack(moved)
        for s in range(samples):
            x, ys, gs = p[:, :, s].astype(float), y[:, :, s], g[:, :, s].astype(float)
            e = np.asarray(basis.e[:, :, s], dtype=float)
            e = e[np.abs(e).sum(axis=1) > 0]
            # Directions in which rounding alone has put a basis vector are as free as the others.
            seen, free = span(x), np.eye(into) - e.T @ e
            pulled = gs @ (ys.T @ np.linalg.pinv(x.T, rcond=1e-5))
            slack = 200 * EPS[dtype] * np.abs(gs).sum() * np.abs(z[:, :, s]).sum()
            assert np.abs((mean[:, :, s] - pulled) @ seen).max(initial=0) <= slack, kind
            if len(e) == seen.shape[1]:
                assert np.abs(mean[:, :, s] - pulled).max() <= slack, kind
            covariance = np.einsum("fai,fbj->abij", noise[..., s], noise[..., s])
            wanted = np.einsum("ab,ij->abij", gs @ gs.T, free) / into
            assert np.abs(covariance - wanted).max() <= slack, kind


def test_two_passes_give_literal_weights() -> None:
    # With k = n_in independent vectors W is known; whatever F is, W^T g must be that W.
    p, z, g = (rng(20 + i).standard_normal((3, 3, 4)) for i in range(3))
    basis = BASIS(p)
    y = np.asarray(apply_weights(jnp.asarray(z), basis))
    found = np.asarray(TRANSPOSED(z, rng(23).standard_normal((3, 3, 4)), basis, g))
    for s in range(4):
        w = np.linalg.solve(p[:, :, s], y[:, :, s]).T
        np.testing.assert_allclose(found[:, :, s], g[:, :, s] @ w, rtol=1e-8, atol=1e-10)


def test_without_a_basis_nothing_is_remembered() -> None:
    z, fresh, g = (rng(30 + i).standard_normal((2, 4, 3)) for i in range(3))
    np.testing.assert_array_equal(TRANSPOSED(z, fresh, None, g), TRANSPOSED(0 * z, fresh, None, g))
    np.testing.assert_allclose(TRANSPOSED(z, fresh, None, g), APPLY(fresh, g), rtol=1e-12)


# --- by chance ------------------------------------------------------------------------------------

SAMPLES = 1 << 15
STATISTICS = 9
Z = norm.isf(0.5e-6 / STATISTICS)
"""Two-sided 1e-6 for the statistics of the next test together: 5.3."""


@partial(jax.jit, static_argnums=1)
def two_layers_there_and_back(key: jax.Array, explicit: bool) -> jax.Array:
    """Products of what W2 relu(W1 y) and its gradients are, for two inputs: (STATISTICS, SAMPLES).

    W1 is 5 x 3, W2 is 4 x 5; each is used forward, then backward.
    """
    one = Matrix(2, 5, 3, SAMPLES, "float32", explicit)
    two = Matrix(2, 4, 5, SAMPLES, "float32", explicit)
    keys = jax.random.split(key, 4)
    (w1, _), (_, w2) = one.two_layers(keys[0]), two.two_layers(keys[1])
    (f1, _), (_, f2) = one.two_fresh(keys[2]), two.two_fresh(keys[3])
    y = jnp.asarray([[1.0, 0.5, -1.0], [0.8, -0.3, 0.4]], jnp.float32)
    y = jnp.broadcast_to(y[..., None], (2, 3, SAMPLES))
    h = apply_weights(w1, y, explicit)
    p = jnp.maximum(h, 0)
    out = apply_weights(w2, p, explicit)
    g = jnp.where(h > 0, apply_transposed(w2, f2, orthonormal(p), jnp.sin(out), explicit), 0)
    b = apply_transposed(w1, f1, orthonormal(y), g, explicit)
    rows = [
        out[0] ** 2,
        out[0] * out[1],
        jnp.sum(g[0] * p[0], axis=0),
        jnp.sum(g[0] * h[1], axis=0),
    ]
    rows += [g[0] * g[1], g[0] ** 2, b[0] * b[1], b[0] ** 2, (b * y)[0]]
    return jnp.stack([x if x.ndim == 1 else x.sum(axis=0) for x in rows])


def test_law_of_a_block_there_and_back() -> None:
    first, second = jax.random.split(jax.random.key(SEED))
    exact, literal = (
        np.asarray(two_layers_there_and_back(k, e), dtype=float)
        for k, e in ((first, False), (second, True))
    )
    error = np.hypot(exact.std(axis=1), literal.std(axis=1)) / math.sqrt(SAMPLES)
    assert (np.abs(exact.mean(axis=1) - literal.mean(axis=1)) <= Z * error).all()
    assert len(exact) == STATISTICS


@pytest.mark.parametrize("explicit", [False, True])
def test_transposition(explicit: bool) -> None:
    one = Matrix(3, 6, 4, 16, "float64", explicit)
    (w, other), (fresh, _) = one.two_layers(jax.random.key(1)), one.two_fresh(jax.random.key(2))
    assert w.shape == other.shape == ((6, 4, 16) if explicit else (3, 6, 16))
    assert np.abs(np.corrcoef(w.ravel(), other.ravel())[0, 1]) < 5 / math.sqrt(w.size)
    p, g = rng(40).standard_normal((3, 4, 16)), rng(41).standard_normal((3, 6, 16))
    y = APPLY(w, p, explicit=explicit)
    back = TRANSPOSED(w, fresh, BASIS(p), g, explicit=explicit)
    ahead = np.einsum("ais,bis->abs", g, y)
    np.testing.assert_allclose(np.einsum("ajs,bjs->abs", back, p), ahead, rtol=1e-9, atol=1e-9)


def test_bias_adds_the_same_to_every_entry_of_the_covariance() -> None:
    # W p_a + s b: the rows have covariance <p_a, p_b> / n + s^2, as with a constant coordinate
    # s sqrt(n) in every vector.
    s, n = 0.7, 5
    p = vectors("generic", n)
    longer = np.concatenate([p, np.full((4, 1, 6), s * math.sqrt(n))], axis=1)
    m = linear_map(longer) * math.sqrt((n + 1) / n)
    mine = linear_map(p)
    covariance = np.einsum("ajs,bjs->abs", mine, mine) + s * s
    np.testing.assert_allclose(np.einsum("ajs,bjs->abs", m, m), covariance, rtol=1e-12)


def test_lanes() -> None:
    p, z = (rng(50 + i).standard_normal((3, 2, 6, 8)) for i in range(2))
    fresh, g = (rng(52 + i).standard_normal((3, 2, 6, 8)) for i in range(2))

    def both(z: Any, p: Any, fresh: Any, g: Any) -> Any:
        return apply_weights(z, p), apply_transposed(z, fresh, orthonormal(p), g)

    together = jax.jit(jax.vmap(both))(z, p, fresh, g)
    one = jax.jit(both)
    for lane in range(3):
        for a, b in zip(together, one(z[lane], p[lane], fresh[lane], g[lane]), strict=True):
            np.testing.assert_allclose(a[lane], b, rtol=1e-12, atol=1e-13)
