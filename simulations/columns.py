r"""The law of one weight matrix on k vectors: forward, and backward given the forward pass.

W has shape (n_out, n_in) with independent entries N(0, 1/n_in); p_1, ..., p_k are vectors that do
not depend on W.  Write p_a = sum_{j <= a} r_aj e_j with orthonormal e_j (Gram and Schmidt).  The
vectors z_j = sqrt(n_in) W e_j are independent N(0, I), so

    W p_a = n_in^{-1/2} sum_{j <= a} r_aj z_j                                           (forward)

has the same law with k n_out normals z as with n_in n_out weights: its rows are independent with
covariance <p_a, p_b> / n_in.  W is seen forward in the directions e_j alone, and what it does in
the others is independent of that.  For vectors g_1, ..., g_m that depend on W through the z alone,
g_a = sum_{j <= a} s_aj d_j with orthonormal d_j and fresh F_1, ..., F_m ~ N(0, I),

    W^T g_a = n_in^{-1/2} (sum_j e_j <z_j, g_a> + f_a - sum_j e_j <e_j, f_a>),
    f_a = sum_{j <= a} s_aj F_j                                                        (backward)

(derived).  A vector that depends on the earlier ones has r_aa = 0 and e_a = 0; its z_a is not used.

Biases N(0, s^2) are n_out normals more: s b, the same for every column, added to W p.

Arrays are (vectors, width, samples), the samples along the vector lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.forward import polar
from simulations.normals import pair

Noise: TypeAlias = jax.Array
"""One layer's randomness: z of shape (k, n_out, samples), or weights (n_out, n_in, samples)."""


def batch_size(k: int, n: int) -> int:
    """Samples in a batch of the exact law: as in `forward`, but at least 32.

    With fewer the many short sums over the samples cost more than leaving the cache does.
    """
    return max(32, forward.batch_size(k * n))


class Matrix(NamedTuple):
    """Shape of a weight matrix and of what it is applied to."""

    columns: int
    """Vectors k that W is applied to."""
    fan_out: int
    fan_in: int
    batch: int
    """Samples."""
    dtype: str
    explicit: bool = False
    """Whether the noise is the weights themselves."""

    def two_layers(self, key: jax.Array) -> tuple[Noise, Noise]:
        """The randomness of two matrices."""
        rows = (self.fan_out, self.fan_in) if self.explicit else (self.columns, self.fan_out)
        return pair(key, (*rows, self.batch), jnp.dtype(self.dtype).type)

    def two_fresh(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The normals F of the backward law for two matrices, of shape (k, n_in, samples)."""
        return pair(key, (self.columns, self.fan_in, self.batch), jnp.dtype(self.dtype).type)


class Basis(NamedTuple):
    """Vectors p_a = sum_{j <= a} r[a, j] e[j]."""

    e: jax.Array
    """(k, n_in, samples), orthonormal.

    Where p_a depends on the earlier vectors, e[a] is zero or, if rounding leaves a direction and
    there is room for one, some unit vector orthogonal to them; the law is the same.
    """
    r: jax.Array
    """(k, k, samples), lower triangular."""


def orthonormal(p: jax.Array) -> Basis:
    """Basis of p (k, n, samples), whose vectors may vanish, be dependent or be more than n.

    The product r^T e is p, and e is orthonormal, to a few roundings also for nearly parallel
    vectors: each is projected twice (Daniel, Gragg, Kaufman and Stewart 1976; Kahan: twice is
    enough).
    """
    e, rows = _gram_schmidt(list(p), again=True)
    zero = jnp.zeros_like(rows[0][0])
    full = [jnp.stack([*row, *[zero] * (len(rows) - len(row))]) for row in rows]
    return Basis(jnp.stack(e), jnp.stack(full))


def images(noise: Noise, p: Sequence[jax.Array]) -> list[jax.Array]:
    """W p_1, ..., W p_k apart, for vectors (n_in, samples).

    noise is (k n_out, samples) or the weights, (n_out, n_in, samples).
    """
    if noise.ndim == 3:
        return [forward.apply_weights(noise, x) for x in p]
    z = noise.reshape(len(p), -1, noise.shape[-1])
    return _combine(_gram_schmidt(p)[1], z, p[0].shape[0])


def apply_weights(noise: Noise, p: jax.Array | Basis, explicit: bool = False) -> jax.Array:
    """W p, of shape (k, n_out, samples); p is (k, n_in, samples), or its basis.

    Explicit weights take p itself.
    """
    if explicit:
        if isinstance(p, Basis):
            raise TypeError("explicit weights are applied to the vectors, not to their basis.")
        return jnp.stack([forward.apply_weights(noise, x) for x in p])
    if isinstance(p, Basis):
        return jnp.stack(_combine(p.r, noise, p.e.shape[1]))
    # One projection is enough here: it is as exact for r as Householder's (Bjoerck 1967).
    return jnp.stack(_combine(_gram_schmidt(list(p))[1], noise, p.shape[1]))


def apply_transposed(
    noise: Noise,
    fresh: jax.Array,
    basis: Basis | None,
    g: jax.Array,
    explicit: bool = False,
) -> jax.Array:
    """W^T g given W p, of shape (m, n_in, samples), by the backward law of the module.

    g is (m, n_out, samples), fresh (m, n_in, samples), basis that of p.  Without a basis W^T is
    taken as independent of W p: the usual assumption, and a wrong law to test against.  Explicit
    weights use neither.
    """
    root: jax.Array = g.dtype.type((noise if explicit else fresh).shape[1] ** -0.5)
    if explicit:
        return root * jnp.einsum("ijs,ais->ajs", noise, g)
    seen = [] if basis is None else list(zip(basis.e, noise, strict=True))
    found = []
    # One vector at a time: XLA's float32 kernel on CPUs for sums over the middle axis of a product
    # in which one factor is broadcast returns wrong numbers beyond some 10^5 entries (jax 0.10.2).
    for x, free in zip(g, _combine(_gram_schmidt(list(g))[1], fresh), strict=True):
        pulled = free
        for e, z in seen:
            along = jnp.sum(z * x, axis=0) - jnp.sum(e * pulled, axis=0)
            pulled = pulled + along * e
        found.append(root * pulled)
    return jnp.stack(found)


def _gram_schmidt(
    p: Sequence[jax.Array], again: bool = False
) -> tuple[list[jax.Array], list[list[jax.Array]]]:
    """Modified Gram and Schmidt: the vectors e_a, and the coefficients r_a1, ..., r_aa.

    Faster, over the samples, than a Gram matrix with its factor, and without the loss of half the
    digits.  Once projected, e_a is off by a rounding error over r_aa / |p_a|, which r does not
    feel; `again` projects it a second time.
    """
    e: list[jax.Array] = []
    rows = []
    for x in p:
        rest, row = _project(x, e)
        length, unit = polar(rest)
        if again and e:
            unit, _ = _project(unit, e)
            left = jnp.sqrt(jnp.sum(unit * unit, axis=0))
            independent = left > 0.5
            unit = jnp.where(independent, unit / jnp.where(independent, left, 1), 0)
        e.append(unit)
        rows.append([*row, length])
    return e, rows


def _project(x: jax.Array, e: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
    """What is left of x across the vectors e, and its coefficients along them."""
    row = []
    for unit in e:
        along = jnp.sum(unit * x, axis=0)
        x = x - along * unit
        row.append(along)
    return x, row


def _combine(
    r: jax.Array | Sequence[Sequence[jax.Array]], z: jax.Array, n: int = 1
) -> list[jax.Array]:
    """n^{-1/2} sum_{j <= a} r[a][j] z[j] for every a."""
    root = z.dtype.type(n**-0.5)
    found = [root * r[0][0] * z[0]]
    for a in range(1, len(z)):
        total = r[a][0] * z[0]
        for j in range(1, a + 1):
            total = total + r[a][j] * z[j]
        found.append(root * total)
    return found
