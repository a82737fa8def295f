"""The ascent on vector-valued neurons in jax."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from theory.lipschitz.differentiable import State, initial_state, lipschitz_estimate

jax.config.update("jax_enable_x64", True)

MAXMIN = {"activation": "maxmin"}


def weights(seed, widths):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(widths)]


def unit_norms(seed, widths):
    return [w / np.linalg.norm(w, 2) for w in weights(seed, widths)]


def estimate(params, state=None, **options):
    value, state = lipschitz_estimate(params, state, **options)
    return float(value), state


# --- the sweeps of the theorem, written out with one vector per row of a matrix -------------------


def rows(matrix):
    return np.linalg.norm(matrix, axis=1, keepdims=True)


def relu_forward(v, s):
    return (v + rows(v) * s) / 2


def relu_backward(v, a):
    return (a + rows(a) / rows(v) * v) / 2


def maxmin_forward(v, s):
    """Sums pass, v2 - v1 becomes its length along the direction of the pair."""
    low, high = v[::2], v[1::2]
    half = rows(high - low) / 2 * (s[1::2] - s[::2]) / np.sqrt(2)
    z = np.empty_like(v)
    z[::2], z[1::2] = (low + high) / 2 - half, (low + high) / 2 + half
    return z


def maxmin_backward(v, a):
    difference = v[1::2] - v[::2]
    half = rows(a[1::2] - a[::2]) / 2 * difference / rows(difference)
    b = np.empty_like(a)
    b[::2], b[1::2] = (a[::2] + a[1::2]) / 2 - half, (a[::2] + a[1::2]) / 2 + half
    return b


def relu_direction(a):
    return a / rows(a)


def maxmin_direction(a):
    difference = (a[1::2] - a[::2]) / rows(a[1::2] - a[::2]) / np.sqrt(2)
    return np.stack([-difference, difference], axis=1).reshape(a.shape)


SWEEPS = {
    "relu": (relu_forward, relu_backward, relu_direction),
    "maxmin": (maxmin_forward, maxmin_backward, maxmin_direction),
}


def sweep(params, x, s, forward, backward, direction):
    """|y|, the next X and S, and the gradient in the weights; X is (inputs, rank)."""
    before, z = [], [x]
    for w, one in zip(params, s, strict=False):
        before.append(w @ z[-1])
        z.append(forward(before[-1], one))
    y = params[-1] @ z[-1]
    size = np.linalg.norm(y)
    a, after, slopes = params[-1].T @ y, [], [y @ z[-1].T / size]
    for k in reversed(range(len(s))):
        after.append(direction(a))
        b = backward(before[k], a)
        slopes.append(b @ z[k].T / size)
        a = params[k].T @ b
    return size, a / np.linalg.norm(a), after[::-1], slopes[::-1]


def transposed(state):
    return np.asarray(state.x).T, [np.asarray(s).T for s in state.s]


@pytest.mark.parametrize("activation", SWEEPS)
def test_single_iterations_are_the_plain_sweeps(activation):
    params = weights(1, (6, 10, 10, 4))
    state = initial_state(params, activation=activation, rank=5)
    x, s = transposed(state)
    before = 0.0
    for _ in range(40):
        size, x, s, _ = sweep(params, x, s, *SWEEPS[activation])
        _, state = estimate(params, state, activation=activation, iterations=1)
        assert size >= before * (1 - 1e-14)
        before = size
    value, _ = estimate(params, state, activation=activation, iterations=0)
    # Rounding is not amplified: a step is a maximisation in each block.
    assert value == pytest.approx(sweep(params, x, s, *SWEEPS[activation])[0], rel=1e-12)
    np.testing.assert_allclose(state.x, x.T, atol=1e-12)
    for mine, explicit in zip(state.s, s, strict=True):
        np.testing.assert_allclose(mine, explicit.T, atol=1e-12)


@pytest.mark.parametrize("activation", SWEEPS)
def test_gradient_is_the_envelope_formula(activation):
    params = weights(1, (6, 10, 10, 4))
    _, state = estimate(params, activation=activation, iterations=20)
    slopes, _ = jax.grad(lipschitz_estimate, has_aux=True)(
        [jnp.asarray(w) for w in params], state, activation=activation, iterations=0
    )
    *_, expected = sweep(params, *transposed(state), *SWEEPS[activation])
    for mine, explicit in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(mine, explicit, atol=1e-13)


def test_mutants_of_the_sweeps_are_rejected():
    params = unit_norms(3, (30, 40, 40, 40, 10))
    state = initial_state(params, rank=12)

    def trace(forward=relu_forward, backward=relu_backward):
        (x, s), values = transposed(state), []
        for _ in range(150):
            value, x, s, _ = sweep(params, x, s, forward, backward, relu_direction)
            values.append(value)
        drops = max(0.0, *(1 - b / a for a, b in itertools.pairwise(values)))
        return values[-1], drops

    right, drops = trace()
    mine, _ = estimate(params, state, iterations=150)
    assert drops < 1e-14
    assert mine == pytest.approx(0.295597, abs=1e-6)  # the sheet's optimum
    assert right == pytest.approx(mine, rel=1e-4)
    # The half lost: above the product of the norms, which is 1.
    assert trace(forward=lambda v, s: v + rows(v) * s)[0] > 1
    # The reflection forgotten, or of the wrong sign: it goes down, and ends too low.
    for wrong in (
        lambda v, a: a,
        lambda v, a: a / 2,
        lambda v, a: (a - rows(a) / rows(v) * v) / 2,
    ):
        value, drops = trace(backward=wrong)
        assert drops > 1e-3
        assert value < 0.9 * mine


# --- optima --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "widths", "options", "optimum"),
    [
        # From section 5 of the sheet: brackets of other solvers, relative 2e-7.
        (2, (8, 16, 16, 16, 8), {}, 3.74972296),
        (7, (10, 32, 1), {}, 1.33912297),
        (2, (8, 16, 16, 16, 8), MAXMIN, 3.99424705),
        (11, (6, 12, 12, 4), {"activation": "group_sort", "group_size": 4}, 3.1916501),
        (3, (5, 6, 6, 3), {"activation": "householder", "direction": (1, 2, 3)}, 3.3898312),
        (1, (6, 10, 10, 4), {"norm": "linf"}, 7.2239132),
        (7, (10, 32, 1), {"norm": "linf", **MAXMIN}, 3.6184334),
    ],
)
def test_optima_of_other_solvers(seed, widths, options, optimum):
    params = weights(seed, widths)
    value, state = estimate(params, iterations=400, **options)
    assert value == pytest.approx(optimum, rel=3e-7)
    single = [w.astype(np.float32) for w in params]
    found, _ = lipschitz_estimate(single, iterations=400, **options)
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(value, rel=1e-6)
    assert estimate(params, state, iterations=1, **options)[0] >= value * (1 - 1e-14)


@pytest.mark.parametrize("options", [{}, MAXMIN, {"norm": "linf"}], ids=str)
def test_gradient_is_that_of_the_converged_bound(options):
    params = [jnp.asarray(w) for w in weights(1, (6, 10, 10, 4))]
    way = weights(5, (6, 10, 10, 4))
    _, state = lipschitz_estimate(params, iterations=3000, **options)
    slopes, _ = jax.grad(lipschitz_estimate, has_aux=True)(params, state, iterations=0, **options)
    h = 1e-4
    ends = [
        estimate([w + t * d for w, d in zip(params, way, strict=True)], state, iterations=3000, **o)
        for t, o in ((h, options), (-h, options))
    ]
    slope = sum(float((g * d).sum()) for g, d in zip(slopes, way, strict=True))
    # Truncation h^2 and the rest of the ascent; a wrong factor would be off by its own size.
    assert (ends[0][0] - ends[1][0]) / (2 * h) == pytest.approx(slope, rel=1e-6)


def test_momentum_does_not_go_down():
    """Without the restart it would swing by 4e-10 here, and be 2e-8 too low."""
    params = unit_norms(3, (30, 40, 40, 40, 10))
    earlier, later = (estimate(params, iterations=n, **MAXMIN)[0] for n in (100, 120))
    assert 0 <= later - earlier + 1e-14 < 1e-10


def test_logarithm_and_its_gradient():
    params = [jnp.asarray(w) for w in weights(1, (6, 10, 10, 4))]
    value, state = lipschitz_estimate(params, iterations=20)
    log, _ = lipschitz_estimate(params, state, iterations=0, log=True)
    assert float(log) == pytest.approx(np.log(float(value)), abs=1e-14)
    both = [
        jax.grad(lipschitz_estimate, has_aux=True)(params, state, iterations=0, log=log)[0]
        for log in (False, True)
    ]
    for plain, ratio in zip(*both, strict=True):
        np.testing.assert_allclose(ratio, plain / value, rtol=1e-12, atol=1e-15)


def test_neither_signals_nor_cotangents_overflow_in_depth():
    """From directions against the signal cotangents grow by 1e4 a layer; the optimum is 1000^13."""
    params = [np.full((1, 1), 1000, np.float32)] * 13
    axes = np.eye(3, dtype=np.float32)[..., None]
    s = tuple(1e-4 * axes[(k + 1) % 3] - axes[k % 3] for k in range(12))
    _, state = lipschitz_estimate(params, State(axes[0], s), iterations=1)
    for part in jax.tree.leaves(state):
        assert np.linalg.norm(part) == pytest.approx(1, rel=1e-6)
    log, state = lipschitz_estimate(params, state, iterations=30, log=True)
    assert float(log) == pytest.approx(13 * np.log(1000), rel=1e-6)
    assert np.isinf(lipschitz_estimate(params, state, iterations=30)[0])


# --- inside a program ----------------------------------------------------------------------------


def test_jit_and_vmap():
    params = [weights(seed, (6, 10, 4)) for seed in range(3)]
    state = initial_state(params[0])
    each = [estimate(p, state, iterations=15, **MAXMIN)[0] for p in params]
    stacked = [jnp.stack(ws) for ws in zip(*params, strict=True)]

    @jax.jit
    def batch(stacked):
        return jax.vmap(lambda p: lipschitz_estimate(p, state, iterations=15, **MAXMIN))(stacked)

    values, states = batch(stacked)
    np.testing.assert_allclose(values, each, rtol=1e-12)
    assert states.x.shape == (3, *state.x.shape)


def test_products_are_in_full_precision():
    """Else a GPU would multiply float32 with 10 bits."""
    params = [jnp.asarray(w, jnp.float32) for w in weights(0, (3, 4, 4, 2))]
    step = jax.value_and_grad(lambda p: lipschitz_estimate(p, iterations=2)[0])
    lines = [x for x in str(jax.make_jaxpr(step)(params)).splitlines() if "dot_general" in x]
    text = str(jax.make_jaxpr(step)(params))
    assert len(lines) > 6
    assert text.count("dot_general[") == text.count("precision=(Precision.HIGHEST")


def test_training_steps_reduce_the_bound():
    """Regression onto a network; warm-started, 3 iterations a step."""
    rng = np.random.default_rng(0)
    params = [jnp.asarray(w) for w in weights(0, (4, 12, 12, 3))]
    x = rng.standard_normal((50, 4))
    target = np.tanh(x[:, :3])
    penalty = 0.1

    @jax.jit
    def step(params, state):
        def loss(params):
            value, after = lipschitz_estimate(params, state, iterations=3)
            h = jax.nn.relu(jax.nn.relu(x @ params[0].T) @ params[1].T)
            error = jnp.mean((h @ params[2].T - target) ** 2)
            return error + penalty * value, (after, value, error)

        slopes, (state_after, value, error) = jax.grad(loss, has_aux=True)(params)
        params = jax.tree.map(lambda w, g: w - 0.05 * g, params, slopes)
        return params, state_after, value, error

    state = initial_state(params)
    start, _ = estimate(params, iterations=300)
    _, _, _, error_before = step(params, state)
    for _ in range(150):
        params, state, value, error = step(params, state)
    end, _ = estimate(params, iterations=300)
    assert end < 0.7 * start
    assert float(error) < float(error_before)
    # Three iterations a step keep up with the weights.
    assert float(value) == pytest.approx(end, rel=0.02)
