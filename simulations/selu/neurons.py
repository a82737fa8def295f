r"""Single neurons in jax: their weights at initialisation, their output, and sums of few inputs.

omega = sum_i w_i,  tau = sum_i w_i^2,  z = sum_i w_i x_i,  h = f(z)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Moments, variances
from simulations.coupled import Dynamic
from simulations.selu.networks import GROUP, rows
from theory.activations import Activation

INITIALISATION = ("omega", "tau", "omega_square", "omega_inside", "tau_inside", "inside")
NEURON = ("mean", "second_moment")
CLT = ("mean", "second_moment", "z_square", "z_cube")


class Code(NamedTuple):
    """What fixes compiled code."""

    width: int
    """Inputs of a neuron, as far as they are drawn."""
    activation: str
    dtype: str
    initialisation: str
    inputs: str
    dropout: bool

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""
        return max(GROUP, forward.batch_size(self.width))


def initialisation_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of omega and tau of random weights, and of whether they lie in their ranges."""
    w = rows(key, code.initialisation, (code.width, code.batch), 0, code.dtype)
    w = w.astype(jnp.float64)
    omega, tau = jnp.sum(w, axis=0), jnp.sum(w * w, axis=0)
    near = (d["omega_low"] <= omega) & (omega <= d["omega_high"])
    mild = (d["tau_low"] <= tau) & (tau <= d["tau_high"])
    values = [omega, tau, omega * omega, near, mild, near & mild]
    found = jnp.stack([v.astype(jnp.float64) for v in values])
    whole = jnp.all(valid.reshape(-1, GROUP), axis=-1)
    spread = Moments.of(variances(tau[None, :], GROUP), whole)
    return {"initialisation": Moments.of(found, valid), "spread": spread}


def neuron_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of h for z ~ N(mean omega, variance tau), after alpha dropout if there is any."""
    normal, chance = jax.random.split(key)
    z = d["y"] + d["root_x"] * jax.random.normal(normal, (code.batch,), code.dtype)
    h = f(z)
    if code.dropout:
        kept = jax.random.uniform(chance, h.shape, h.dtype) < d["keep"]
        h = d["a"] * jnp.where(kept, h, d["saturation"]) + d["b"]
    return _output("neuron", h, valid, [])


def clt_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of h = f(sum_i w_i x_i) for standardised inputs of a law that is not normal."""
    first, second = jax.random.split(key)
    shape = (code.width, code.batch)
    w = rows(first, code.initialisation, shape, 0, code.dtype)
    z = jnp.sum(w * standardised(second, code.inputs, shape, code.dtype), axis=0)
    return _output("clt", f(z), valid, [z**2, z**3])


def standardised(key: jax.Array, law: str, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Independent draws of mean 0 and variance 1."""
    real = jnp.dtype(dtype).type
    x: jax.Array
    if law == "exponential":
        x = jax.random.exponential(key, shape, dtype) - 1
    elif law == "uniform":
        x = jax.random.uniform(key, shape, dtype, -1, 1) * real(3**0.5)
    elif law == "rademacher":
        x = jax.random.rademacher(key, shape, dtype)
    else:
        x = jax.random.normal(key, shape, dtype)
    return x


def _output(name: str, h: jax.Array, valid: jax.Array, more: list[jax.Array]) -> Block:
    found = jnp.stack([x.astype(jnp.float64) for x in (h, jnp.square(h), *more)])
    whole = jnp.all(valid.reshape(-1, GROUP), axis=-1)
    spread = Moments.of(variances(h[None, :], GROUP), whole)
    return {name: Moments.of(found, valid), "spread": spread}
