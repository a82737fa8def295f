"""The ascent in jax on networks given as functions, and at the edges."""

import itertools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from theory.lipschitz.differentiable import initial_state, lipschitz_estimate

jax.config.update("jax_enable_x64", True)

MAXMIN = {"activation": "maxmin"}


def weights(seed, widths):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(widths)]


def estimate(params, state=None, **options):
    value, state = lipschitz_estimate(params, state, **options)
    return float(value), state


# --- networks as functions -----------------------------------------------------------------------


def residual(params, x, phi):
    """Two blocks x + phi(W x + b) between linear layers, the second with the first's weights."""
    first, (w, b), last = params
    x = x @ first.T
    for _ in range(2):
        x = x + phi(x @ w.T + b)
    return x @ last.T + b[-1]


def residual_params(bias):
    first, w, last = weights(6, (4, 6, 6, 2))
    return first, (w, bias * np.arange(6.0)), last


@pytest.mark.parametrize("options", [{}, MAXMIN], ids=str)
def test_a_residual_network_climbs_and_its_biases_change_nothing(options):
    shape = {"network": residual, "input_shape": (4,), **options}
    state = initial_state(residual_params(0.0), **shape)
    with_bias = state
    before = 0.0
    for _ in range(30):
        value, state = estimate(residual_params(0.0), state, iterations=1, **shape)
        other, with_bias = estimate(residual_params(0.7), with_bias, iterations=1, **shape)
        assert value >= before * (1 - 1e-14)
        assert other == pytest.approx(value, rel=1e-12)
        before = value
    # Never above what the norms allow, and as high as the slope that sampled points show.
    first, (w, _), last = residual_params(0.0)
    norm = np.linalg.norm
    assert value <= norm(last, 2) * (1 + norm(w, 2)) ** 2 * norm(first, 2)
    x = np.random.default_rng(0).standard_normal((2000, 4))
    real = {"relu": jax.nn.relu, "maxmin": pairs_sorted}[options.get("activation", "relu")]
    jacobians = jax.vmap(jax.jacobian(lambda x: residual(residual_params(0.7), x[None], real)[0]))(
        x
    )
    assert norm(jacobians, 2, axis=(1, 2)).max() <= value * 1.001


def pairs_sorted(v):
    return jnp.sort(v.reshape(*v.shape[:-1], -1, 2)).reshape(v.shape)


def test_a_function_of_a_chain_is_the_list():
    params = weights(1, (6, 10, 10, 4))

    def chain(params, x, phi):
        for w in params[:-1]:
            x = phi(x @ w.T + 3)
        return x @ params[-1].T

    value, state = estimate(params, iterations=30)
    other, _ = estimate(params, iterations=30, network=chain, input_shape=(6,))
    assert other == pytest.approx(value, rel=1e-12)
    pairs = [(w, np.ones(len(w))) for w in params]
    assert estimate(pairs, iterations=30)[0] == value
    assert estimate(params, state, network=chain)[0] >= value


def test_activations_may_differ_from_layer_to_layer():
    """After a linear layer the network is the shorter one."""
    a, b, c = weights(1, (6, 10, 10, 4))
    mixed, _ = estimate([a, b, c], activation=["linear", "relu"], iterations=300)
    assert mixed == pytest.approx(estimate([b @ a, c], iterations=300)[0], rel=1e-7)


def test_convolution():
    """A circular convolution is the matrix of its shifts."""
    kernel = np.random.default_rng(3).standard_normal((3, 2))

    def circular(params, x, phi):
        spread = sum(jnp.roll(x, k, axis=1)[..., None] * params[0][k] for k in range(3))
        return phi(spread).reshape(len(x), -1) @ params[1].T

    shifts = [np.roll(np.eye(5), k, axis=0) for k in range(3)]
    full = sum(np.kron(s, kernel[k][:, None]) for k, s in enumerate(shifts))
    last = weights(4, (10, 3))[0]
    for options in ({}, MAXMIN):
        value, _ = estimate([full, last], iterations=300, **options)
        params = [kernel, last]
        found, _ = estimate(params, iterations=300, network=circular, input_shape=(5,), **options)
        assert found == pytest.approx(value, rel=1e-7)


# --- edges ---------------------------------------------------------------------------------------


def block_diagonal(a, b):
    return np.block([[a, np.zeros((len(a), b.shape[1]))], [np.zeros((len(b), a.shape[1])), b]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, MAXMIN, {"norm": "linf"}], ids=str)
def test_dead_and_decoupled_neurons_give_numbers(dtype, options):
    strong, weak = weights(0, (4, 6, 6, 3)), weights(1, (3, 4, 4, 2))
    weak[0] *= 0.1
    params = [block_diagonal(a, b) for a, b in zip(strong, weak, strict=True)]
    params[0][[0, 1]] = 0
    params[2][:, 4] = 0
    params = [jnp.asarray(w, dtype) for w in params]
    gradient = jax.value_and_grad(lipschitz_estimate, has_aux=True)
    (value, state), slopes = gradient(params, iterations=600, **options)
    for array in [value, *jax.tree.leaves(state), *slopes]:
        assert np.isfinite(array).all()
        assert array.dtype == dtype
    alone = [w.copy() for w in strong]
    alone[0][[0, 1]] = 0
    alone[2][:, 4] = 0
    expected, _ = estimate(alone, iterations=600, **options)
    if "norm" in options:
        expected += estimate(weak, iterations=600, **options)[0]
    assert float(value) == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-6)


def test_small_networks():
    assert estimate([[[3.0]]], iterations=0)[0] == pytest.approx(3)
    assert estimate([[[3.0]], [[-2.0]]])[0] == pytest.approx(6)
    assert estimate([[[3.0, 4.0]]])[0] == pytest.approx(5)
    assert estimate([[[3.0, 4.0]]], norm="linf")[0] == pytest.approx(7)
    zero = [jnp.zeros((4, 3)), jnp.ones((2, 4))]
    for log in (False, True):
        (value, _), slopes = jax.value_and_grad(lipschitz_estimate, has_aux=True)(zero, log=log)
        assert float(value) == (-np.inf if log else 0)
        assert all(np.isfinite(g).all() for g in slopes)


def test_bad_weights_are_seen():
    params = weights(1, (6, 10, 4))
    params[0][2, 3] = np.nan
    assert np.isnan(estimate(params)[0])


@pytest.mark.parametrize(
    ("params", "options", "message"),
    [
        ([], {}, "at least one weight matrix"),
        ([np.ones((3, 2)), np.ones((3, 4))], {}, r"layer 2 of 2 has shape \(3, 4\), but 3 numbers"),
        ([np.ones(3)], {}, r"layer 1 of 1: weights must be a matrix \(out, in\)"),
        ([np.ones((3, 2)), np.ones((1, 3))], MAXMIN, "3 units cannot be split into groups of 2"),
        ([np.eye(2), np.eye(2)], {"activation": "relo"}, "Did you mean 'relu'"),
        ([np.eye(2), np.eye(2)], {"activation": ["relu"] * 2}, "1 hidden layers need"),
        ([np.eye(2)], {"norm": "l1"}, "norm must be 'l2' or 'linf', not 'l1'"),
        ([np.eye(2)], {"iterations": -1}, "iterations must be a whole number"),
        ([np.eye(2)], {"rank": 0}, "rank must be a whole number >= 1"),
        (np.eye(2), {"network": residual}, "needs input_shape"),
    ],
)
def test_mistakes_are_named(params, options, message):
    with pytest.raises(ValueError, match=message):
        lipschitz_estimate(params, **options)


def test_a_state_of_another_network_is_refused():
    state = initial_state(weights(0, (3, 4, 2)))
    for widths in ((3, 6, 2), (3, 4, 4, 2), (3, 2)):
        with pytest.raises(ValueError, match="the state is of another network"):
            lipschitz_estimate(weights(0, widths), state)


def test_jax_is_imported_late():
    code = "import sys, theory.lipschitz.differentiable; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
