r"""The Lipschitz bound of the semidefinite program as a jax function: a regulariser for training.

The bound is the largest norm |y| that the same network gives with vector-valued neurons
(`theory.lipschitz.vector_neurons`) for inputs |X| = 1 and free unit directions s.  With the rule of
their vjp one `jax.vjp` of the network is one step of an alternating maximisation that never goes
down: X and every s become their cotangents, normalised.  `lipschitz_estimate` does this with
Nesterov's momentum and falls back to the plain point where the value drops.  By the envelope
theorem the same rule gives the gradient in the weights, b_k Z_{k-1}^T / L.

Every (X, s) is feasible, so the value never exceeds the optimum of the program by more than
rounding.  It comes close to the bound from below: an estimate, no certificate.  The certified
number comes from `bound`.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from theory._checks import whole
from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity
from theory.lipschitz.vector_neurons import direction_of, geometry, vector_activation

Names = str | tuple[str, ...]
_ANOTHER = "the state is of another network; make one with initial_state."


class State(NamedTuple):
    """Where an ascent is: pass it to the next call after a small change of the weights."""

    x: Any
    """(rank, *input shape); norm 1, or in l_inf one norm 1 for each input."""
    s: tuple[Any, ...]
    """Directions, one array (rank, ...) per activation, of the shape of its pre-activations."""


def lipschitz_estimate(
    params: Any,
    state: State | None = None,
    *,
    activation: str | Nonlinearity | Sequence[str | Nonlinearity] = "relu",
    group_size: int = 2,
    direction: Any = None,
    norm: str = "l2",
    iterations: int = 50,
    rank: int | None = None,
    seed: int = 0,
    log: bool = False,
    network: Callable[..., Any] | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> tuple[Any, State]:
    """Lower estimate of the Lipschitz bound of the network, and the state to go on from.

    In a training step, differentiable in `params` by reverse mode, under jit, vmap and on any
    device, in float32 or float64 as the weights are:

        value, state = lipschitz_estimate(params, state, activation="maxmin", iterations=5)

    `params` is a list of matrices (out, in), or of pairs (matrix, bias) whose biases are not
    looked at.  Or any pytree, with `network(params, x, phi)` a jax function of a batch (rows,
    *input_shape) that calls `phi` for each of its activations, all of them on (rows, ...) with
    groups along the last axis.  It may have skip connections, convolutions and shared weights;
    everything but `phi` must be affine and treat each row alone.  Biases do no harm: one more
    row, the image of 0, is subtracted.

    `activation` (one, or one per call in order), `group_size` and `direction` are those of
    `nonlinearity`.  `norm` is "l2", or "linf" for l_inf -> l_1 (one output: l_inf -> |.|).
    `rank` (default 16, above 2000 units 24) and `seed` make the state where there is none.
    `log` asks for the natural logarithm, which stays finite for a list of any depth.

    The value is below the optimum of the semidefinite program and approaches it with more
    iterations: it certifies nothing.  Weights that are not finite give nan.  ValueError for
    shapes that do not fit and unknown names.
    """
    import jax.numpy as jnp

    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")
    if iterations != 0:
        iterations = whole(iterations, "iterations")
    names = _names(activation, group_size, direction)
    params, network = _prepared(params, network)
    if state is None:
        state = _start(params, names, rank, seed, network, input_shape)
    size, scale, state = _compiled()(params, state, names, norm, iterations, network)
    if log:
        usable = size != 0
        return jnp.where(usable, jnp.log(jnp.where(usable, size, 1)), -jnp.inf) + scale, state
    return jnp.exp(scale) * size, state


def initial_state(
    params: Any,
    *,
    activation: str | Nonlinearity | Sequence[str | Nonlinearity] = "relu",
    group_size: int = 2,
    direction: Any = None,
    norm: str = "l2",
    rank: int | None = None,
    seed: int = 0,
    network: Callable[..., Any] | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> State:
    """A random state, as `lipschitz_estimate` makes it where it is given none."""
    names = _names(activation, group_size, direction)
    params, network = _prepared(params, network)
    state = _start(params, names, rank, seed, network, input_shape)
    return _compiled()(params, state, names, norm, 0, network)[2]  # type: ignore[no-any-return]


# --- networks -----------------------------------------------------------------------------------


def _names(activation: Any, group_size: int, direction: Any) -> Names:
    if isinstance(activation, str | Nonlinearity):
        return nonlinearity(activation, group_size, direction).name
    return tuple(nonlinearity(one, group_size, direction).name for one in activation)


def _prepared(params: Any, network: Callable[..., Any] | None) -> tuple[Any, Callable[..., Any]]:
    """Floating-point arrays, and the network as a function of them."""
    import jax
    import jax.numpy as jnp

    if network is not None:
        return jax.tree.map(jnp.asarray, params), network
    pairs = (isinstance(w, tuple | list) and len(w) == 2 and np.ndim(w[0]) == 2 for w in params)
    weights = [jnp.asarray(w[0] if pair else w) for w, pair in zip(params, pairs, strict=True)]
    if not weights:
        raise ValueError("a network needs at least one weight matrix; there is none.")
    for k, w in enumerate(weights, start=1):
        name = f"layer {k} of {len(weights)}"
        if w.ndim != 2 or 0 in w.shape:
            raise ValueError(f"{name}: weights must be a matrix (out, in), not of shape {w.shape}.")
        width = w.shape[1] if k == 1 else weights[k - 2].shape[0]
        if w.shape[1] != width:
            raise ValueError(f"{name} has shape {w.shape}, but {width} numbers come in.")
    dtype = jnp.result_type(jnp.float32, *weights)
    return [w.astype(dtype) for w in weights], _chain


def _chain(
    weights: Any, x: Any, phi: Callable[[Any], Any], between: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """The output divided by a number, and the logarithm of that number: every layer has norm 1."""
    import jax
    import jax.numpy as jnp

    log = jnp.zeros((), x.dtype)
    for w in weights[:-1]:
        x = phi(x @ w.T)
        size = jax.lax.stop_gradient(jnp.linalg.norm(x))
        size = jnp.where(size == 0, 1, size)
        x, log = between(x / size), log + jnp.log(size)
    return x @ weights[-1].T, log


def _increments(
    network: Callable[..., Any],
    params: Any,
    x: Any,
    phi: Callable[[Any], Any],
    between: Callable[[Any], Any] = lambda x: x,
) -> tuple[Any, Any]:
    """The network on differences to its image of 0, which goes along as one more row."""
    import jax.numpy as jnp

    def difference(v: Any) -> Any:
        z = phi(v[:-1] - v[-1:])
        return jnp.concatenate([z, jnp.zeros_like(z[:1])])

    if network is _chain:
        return _chain(params, x, phi, between)
    y = network(params, jnp.concatenate([x, jnp.zeros_like(x[:1])]), difference)
    return y[:-1] - y[-1:], jnp.zeros((), x.dtype)


@functools.cache
def _balanced() -> Callable[[Any], Any]:
    """The identity with cotangents of size 1: the step needs no more of those of a chain.

    They would overflow in a deep network that is far from the optimum.
    """
    import jax
    import jax.numpy as jnp

    def backward(_: None, a: Any) -> tuple[Any]:
        size = jnp.abs(a).max()
        return (a / jnp.where(size > 0, size, 1),)

    identity = jax.custom_vjp(lambda x: x)
    identity.defvjp(lambda x: (x, None), backward)
    return identity


def _start(
    params: Any,
    names: Names,
    rank: int | None,
    seed: int,
    network: Callable[..., Any],
    input_shape: tuple[int, ...] | None,
) -> State:
    """Random numbers, not yet normalised, of the shapes that a trial run of the network finds."""
    import jax
    import jax.numpy as jnp

    dtype = jnp.result_type(jnp.float32, *jax.tree.leaves(params))
    if network is _chain:
        input_shape = params[0].shape[1:]
    elif input_shape is None:
        raise ValueError("a network given as a function needs input_shape, without the batch axis.")
    shapes: list[tuple[int, ...]] = []

    def note(v: Any) -> Any:
        shapes.append(v.shape[1:])
        return v

    one = jax.ShapeDtypeStruct((1, *input_shape), dtype)
    jax.eval_shape(lambda p, x: _increments(network, p, x, note), params, one)
    if isinstance(names, tuple) and len(names) != len(shapes):
        raise ValueError(f"{len(shapes)} hidden layers need as many activations, not {len(names)}.")
    each = names if isinstance(names, tuple) else [names] * len(shapes)
    for name, shape in zip(each, shapes, strict=True):
        g = nonlinearity(name).group_size
        if shape[-1] % g:
            raise ValueError(f"{shape[-1]} units cannot be split into groups of {g} ({name}).")
    units = sum(map(math.prod, shapes))
    rank = (16 if units <= 2000 else 24) if rank is None else whole(rank, "rank")
    # Numpy's numbers, which cost no compilation, are no part of a compiled step either.
    normal = np.random.default_rng(seed).standard_normal
    x, *s = (jnp.asarray(normal((rank, *shape)), dtype) for shape in [input_shape, *shapes])
    return State(x, tuple(s))


# --- the ascent ---------------------------------------------------------------------------------


def _size(y: Any, norm: str) -> Any:
    """|y| of all entries, or the sum of one norm per output; with slope 0 instead of nan at 0."""
    import jax.numpy as jnp

    squares = (y * y).sum(axis=None if norm == "l2" else 0)
    usable = squares > 0
    return jnp.where(usable, jnp.sqrt(jnp.where(usable, squares, 1)), squares).sum()


def _normalised(a: State, old: State, names: Sequence[str], norm: str) -> State:
    """Every part of `a` with norm 1, or as in `old` where it has no direction."""
    import jax.numpy as jnp

    size = jnp.sqrt((a.x * a.x).sum(axis=None if norm == "l2" else 0, keepdims=True))
    s = []
    for name, one, before in zip(names, a.s, old.s, strict=True):
        d = geometry(name).part(one)
        s.append(direction_of(d, geometry(name).length(d), before))
    return State(direction_of(a.x, size, old.x), tuple(s))


@functools.cache
def _compiled() -> Callable[..., Any]:
    import jax

    return jax.jit(_estimate, static_argnums=(2, 3, 4, 5))


def _estimate(
    params: Any,
    state: State,
    names: Names,
    norm: str,
    iterations: int,
    network: Callable[..., Any],
) -> tuple[Any, Any, State]:
    """The value divided by a number, the logarithm of that number, and the state reached."""
    import jax

    each = names if isinstance(names, tuple) else (names,) * len(state.s)

    if len(each) != len(state.s):
        raise ValueError(_ANOTHER)

    def value(point: State, params: Any, **between: Any) -> tuple[Any, Any]:
        phi = _Sites(each, point.s)
        y, scale = _increments(network, params, point.x, phi, **between)
        phi.finish()
        return _size(y, norm), scale

    # Products in less than single precision, the default on some devices, spoil 3 of 7 digits.
    with jax.default_matmul_precision("highest"):
        fixed = jax.lax.stop_gradient(params)
        state = _normalised(state, state, each, norm)
        state = _ascent(
            lambda at: value(at, fixed, between=_balanced()), state, each, norm, iterations
        )
        state = jax.lax.stop_gradient(state)
        size, scale = value(state, params)
    return size, scale, state


class _Sites:
    """`phi` of a network: every call takes the next name and directions."""

    def __init__(self, names: Sequence[str], s: Sequence[Any]) -> None:
        self.left: Iterator[tuple[str, Any]] = iter(zip(names, s, strict=True))

    def __call__(self, v: Any) -> Any:
        name, s = next(self.left, ("", None))
        if s is None or s.shape != v.shape:
            raise ValueError(_ANOTHER)
        return vector_activation(v, s, name)

    def finish(self) -> None:
        """ValueError where directions are left over."""
        if next(self.left, None) is not None:
            raise ValueError(_ANOTHER)


def _ascent(
    value: Callable[[State], tuple[Any, Any]],
    state: State,
    names: Sequence[str],
    norm: str,
    iterations: int,
) -> State:
    """The last plain point after this many steps from `state`."""
    import jax
    import jax.numpy as jnp

    def step(carry: tuple[Any, ...], _: Any) -> tuple[tuple[Any, ...], None]:
        point, plain, theta, best = carry
        (size, scale), slope = jax.value_and_grad(value, has_aux=True)(point)
        now = jnp.log(size) + scale
        new = _normalised(slope, point, names, norm)
        after = (1 + jnp.sqrt(1 + 4 * theta**2)) / 2
        push = (theta - 1) / after
        ahead = jax.tree.map(lambda n, p: n + push * (n - p), new, plain)
        ahead = _normalised(ahead, new, names, norm)
        worse = (now < best - slack) & (theta > 1)
        point, plain = jax.tree.map(
            lambda old, new: jnp.where(worse, old, new), (plain, plain), (ahead, new)
        )
        return (point, plain, jnp.where(worse, 1, after), jnp.maximum(best, now)), None

    dtype = state.x.dtype
    slack = max(5e-14, 4 * float(np.finfo(dtype).eps))
    first = (state, state, jnp.ones((), dtype), jnp.array(-jnp.inf, dtype))
    return jax.lax.scan(step, first, length=iterations)[0][1]
