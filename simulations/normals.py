r"""Standard normal draws in pairs: the one seam through which simulations get their randomness.

A 64-bit threefry word gives two 32-bit words w_0, w_1 and, by Box and Muller,

    u = (w_0 >> 8 + 1/2) 2^-24,   r = sqrt(-2 log u),   angle = pi t,  t = w_1 2^-31 (signed),
    z_0 = r cos(pi t),  z_1 = r sin(pi t).

The two normals are returned apart, not stacked: fused into one array they would make XLA fall
back to scalar code, three to four times slower.  A simulation uses one for a layer and the other
for the next.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def pair(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Two independent arrays of independent N(0, 1) of the given shape.

    float32: 24-bit radius, so |z| <= 5.9, distribution function exact to 6e-8.
    float64: inverse distribution function of 52 bits, |z| <= 8.2.
    """
    if dtype == jnp.float64:
        first, second = jax.random.split(key)
        return jax.random.normal(first, shape, dtype), jax.random.normal(second, shape, dtype)
    bits = jax.random.bits(key, shape, "uint64")
    word0, word1 = (bits >> 32).astype(jnp.uint32), bits.astype(jnp.uint32)
    u = ((word0 >> 8).astype(jnp.int32).astype(dtype) + dtype(0.5)) * dtype(2**-24)
    t = jax.lax.bitcast_convert_type(word1, jnp.int32).astype(dtype) * dtype(2**-31)
    cosine, sine = _cos_sin_pi(t, dtype)
    radius = jnp.sqrt(dtype(-2) * jnp.log(u))
    return radius * cosine, radius * sine


def _cos_sin_pi(t: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """cos(pi t) and sin(pi t) for |t| <= 1, error below 9e-8.

    t = q/2 + s with |s| <= 1/4; the polynomials are minimax fits of cos and sin of pi s on that
    interval.  The library functions, with their reduction of large arguments, cost more than the
    generator itself.
    """
    q = jnp.round(2 * t)
    s = t - dtype(0.5) * q
    v = s * s
    sine = s * _horner(v, (3.14159264, -5.16770783, 2.54976713, -0.589076877), dtype)
    cosine = _horner(v, (1.0, -4.93480216, 4.05870726, -1.33504451, 0.231329251), dtype)
    quadrant = q.astype(jnp.int32) & 3
    swap = (quadrant & 1) == 1
    cosine, sine = jnp.where(swap, sine, cosine), jnp.where(swap, cosine, sine)
    cosine = jnp.where((quadrant == 1) | (quadrant == 2), -cosine, cosine)
    sine = jnp.where(quadrant >= 2, -sine, sine)
    return cosine, sine


def _horner(v: jax.Array, coefficients: tuple[float, ...], dtype: Any) -> jax.Array:
    result = jnp.full_like(v, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = result * v + dtype(c)
    return result
