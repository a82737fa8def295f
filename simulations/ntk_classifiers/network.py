r"""Networks of finite width without biases, by the exact law of their weights (see `columns`).

    h_0 = x (|x| = 1),   h_l = phi(y_l),   y_1 = W_1 x,   y_{l+1} = n^{-1/2} W_{l+1} h_l,
    f = n^{-1/2} <v, h_L>,   all parameters N(0, 1),   phi divided by its root mean square.

With B_L = n^{-1/2} phi'(y_L) v and B_l = n^{-1/2} phi'(y_l) W_{l+1}^T B_{l+1} the two kernels of
inputs a, b at distance r are

    nngp  <h_L(a), h_L(b)> / n
    ntk   <df(a), df(b)> = nngp + sum_{0 < l < L} <B_{l+1}(a), B_{l+1}(b)> <h_l(a), h_l(b)> / n
                                + <B_1(a), B_1(b)> <a, b>
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.core import Estimate, Experiment, Result, samples_per_block
from simulations.ntk_classifiers.params import Params, check_network

if TYPE_CHECKING:
    import jax

    from theory.activations import Activation

STATISTICS = ("nngp", "nngp_diagonal", "ntk", "ntk_diagonal")
HIGHEST_DEGREE = 100


class Code(NamedTuple):
    """What fixes compiled code."""

    width: int
    depth: int
    activation: str
    dtype: str


def network_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks."""
    from simulations import forward

    real = np.dtype(p.dtype).type
    r = p.distance
    corners = real(1 - r * r / 2), real(r * math.sqrt(1 - r * r / 4))
    return dict(_compiled(_code(p), forward.lanes_here())(key, count, corners))


@functools.lru_cache
def _compiled(code: Code, lanes: int) -> Any:
    import jax

    from simulations import forward

    phi = unit_activation(code.activation)  # outside the jit: a user's function is tried out

    def block(key: jax.Array, count: jax.Array, corners: Any) -> Block:
        return forward.accumulate(
            key,
            count,
            _batch(code.width),
            lambda k, valid: _statistics(k, valid, phi, code, corners),
            lanes,
        )

    return jax.jit(block)


def _batch(width: int) -> int:
    from simulations.columns import batch_size

    return batch_size(2, width)


def _statistics(
    key: jax.Array, valid: jax.Array, phi: Activation, code: Code, corners: Any
) -> Block:
    """Moments of both kernels, off the diagonal and on it."""
    import jax
    import jax.numpy as jnp

    from simulations.columns import Matrix, apply_transposed, apply_weights, orthonormal

    n, (x, sine) = code.width, corners
    first, last, *keys = jax.random.split(key, 2 + code.depth)
    shape = (2, n, _batch(n))
    matrix = Matrix(*shape[:1], n, n, shape[2], code.dtype)
    z = jax.random.normal(first, shape, code.dtype)
    path, noises = [jnp.stack([z[0], x * z[0] + sine * z[1]])], []
    for k in keys[1:]:
        noises.append((matrix.two_layers(k)[0], matrix.two_fresh(jax.random.fold_in(k, 1))[0]))
        path.append(apply_weights(noises[-1][0], phi(path[-1])))
    v = jax.random.normal(last, shape[1:], code.dtype) * z.dtype.type(n**-0.5)
    nngp = theta = _products(phi(path[-1])) / n
    b = phi.derivative(path[-1]) * v
    for y, (noise, fresh) in zip(path[-2::-1], noises[::-1], strict=True):
        h = phi(y)
        theta = theta + _products(b) * _products(h) / n
        b = phi.derivative(y) * apply_transposed(noise, fresh, orthonormal(h), b)
    theta = theta + _products(b) * jnp.stack([jnp.ones_like(x), x])[:, None]
    return {"network": Moments.of(jnp.concatenate([nngp[::-1], theta[::-1]]), valid)}


def _products(columns: jax.Array) -> jax.Array:
    """<a, a> and <a, b> of two columns, (2, samples), in double precision."""
    import jax.numpy as jnp

    a, b = columns.astype(jnp.float64)
    return jnp.stack([jnp.sum(a * a, axis=0), jnp.sum(a * b, axis=0)])


@functools.lru_cache
def unit_activation(spec: str) -> Activation:
    """The activation with E phi^2 = 1; of a dual given by its series, sum_k sqrt(c_k) h_k."""
    from theory.activations import Activation, activation
    from theory.gaussian import moment

    family = spec.partition(":")[0]
    if family == "optimal":
        return _hermite_sum(spec)
    if family == "sine" and spec != "sine":
        return _sine(spec)
    f = activation(spec)
    scale = moment(f, 2, 1.0) ** -0.5
    return Activation(
        spec, lambda z: scale * f(z), lambda z: scale * f.derivative(z), kinks=f.kinks
    )


def _hermite_sum(spec: str) -> Activation:
    from theory.activations import Activation, activation
    from theory.ntk_classifiers import dual

    series = dual(spec).series
    if len(series) - 1 > HIGHEST_DEGREE:
        raise ValueError(
            f"--activation {spec}: a network needs a polynomial of degree at most "
            f"{HIGHEST_DEGREE}, not {len(series) - 1}."
        )
    terms = [(math.sqrt(c), activation(f"hermite:{k}")) for k, c in enumerate(series) if c]
    return Activation(
        spec,
        lambda z: sum(a * h(z) for a, h in terms),
        lambda z: sum(a * h.derivative(z) for a, h in terms),
    )


def _sine(spec: str) -> Activation:
    """sin(sqrt(a) z) has the mean square (1 - e^{-2a})/2."""
    from theory.activations import Activation, activation
    from theory.ntk_classifiers import dual

    dual(spec)  # refuses what is no parameter
    a = float(spec.partition(":")[2])
    root, scale = math.sqrt(a), math.sqrt(-2 / math.expm1(-2 * a))
    sin = activation("sin")
    return Activation(
        spec,
        lambda z: scale * sin(root * z),
        lambda z: scale * root * sin.derivative(root * z),
    )


def network_estimates(block: Block, p: Params) -> Result:
    """Named estimates."""
    return {name: Estimate.of(block["network"], k) for k, name in enumerate(STATISTICS)}


def network_block_size(p: Params) -> int:
    """Networks in a full block."""
    return samples_per_block(6 * p.width * (p.depth or 1), _batch(p.width))


def _code(p: Params) -> Code:
    assert p.depth is not None, "checked"
    return Code(p.width, p.depth, p.activation, p.dtype)


NETWORK = Experiment(
    "ntk_classifiers/network",
    Params,
    network_block,
    network_estimates,
    network_block_size,
    code=_code,
    check=check_network,
)
