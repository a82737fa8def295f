"""Kernels of networks on k inputs: exact laws against explicit weights and literal networks.

The literal networks are written in numpy and jax, weights and all.  Statistical tests use Z
standard errors: false alarms have probability 1e-6 for the whole file and a random seed, as far as
means are normal.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from simulations import core, engines
from simulations.accumulators import variances
from simulations.commutation import NTK, PATHS, Params, slope, with_reference
from simulations.commutation.experiments import square_root
from simulations.commutation.params import branch_factors, weight_variance
from simulations.core import Estimate, Experiment, Job, Law

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "6"))
Z = norm.isf(0.5e-6 / 500)
"""Two-sided 1e-6 for five hundred normal statistics together: 6.1."""
Array = np.ndarray[Any, Any]

THREE = ((1.0, 0.3, -0.2), (0.3, 2.0, 0.5), (-0.2, 0.5, 0.7))
EDGES = tuple(np.linspace(-3, 3, 13).tolist())


@functools.cache
def simulate(experiment: Experiment = PATHS, samples: int = 1 << 15, **params: Any) -> Any:
    return core.run([Job(experiment, Params(**params), samples)], SEED)[0]


def mean(x: Array) -> Estimate:
    x = np.asarray(x, float)
    return Estimate(float(x.mean()), float(x.std() / math.sqrt(x.size)), x.size)


def assert_same(a: Estimate, b: Estimate, slack: float = 0.0) -> None:
    assert math.isfinite(a.value)
    assert abs(a.value - b.value) <= Z * math.hypot(a.stderr, b.stderr) + slack, (a, b)


def assert_is(a: Estimate, value: float, slack: float = 0.0) -> None:
    assert_same(a, Estimate(value, 0.0, 0), slack)


def assert_same_law(a: Law, b: Law) -> None:
    """Two-sample Kolmogorov-Smirnov in bins: at most its level, by Massart's bound."""
    n, m = a.counts.sum(), b.counts.sum()
    distance = np.abs(np.cumsum(a.counts) / n - np.cumsum(b.counts) / m).max()
    # P(D > e) <= P(D_n > e/2) + P(D_m > e/2), each <= 2 exp(-2 n (e/2)^2).
    assert distance < 2 * math.sqrt(math.log(4 / 1e-8) / (2 * min(n, m)))


# --- the exact law of a network -------------------------------------------------------------------

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet": {"bias_variance": 0.5, "time": 1.5},
    "two layers inside": {"inner_width": 3},
    "mlp": {"architecture": "mlp"},
    "mlp tanh": {"architecture": "mlp", "activation": "tanh", "bias_variance": 0.3},
    "shaped": {"architecture": "shaped", "c_plus": 0.5, "c_minus": -1.0},
}


@functools.cache
def literal(name: str, n: int = 5, depth: int = 6, samples: int = 1 << 15) -> dict[str, Array]:
    """Three inputs through the network as its definition says, in numpy."""
    rng = np.random.default_rng(SEED)
    p = Params(width=n, depth=depth, gram=THREE, **NETWORKS[name])
    phi = np.tanh if p.activation == "tanh" else lambda x: np.maximum(x, 0)
    if p.architecture == "shaped":
        up, down = 1 + p.c_plus / n**0.5, 1 + p.c_minus / n**0.5
        phi = lambda x: up * np.maximum(x, 0) + down * np.minimum(x, 0)  # noqa: E731
    y = rng.standard_normal((samples, n, 3)) @ np.linalg.cholesky(THREE).T
    start = y
    for _ in range(depth):
        x, into = y, n
        if p.inner_width:
            into = p.inner_width
            x = rng.standard_normal((samples, into, n)) / n**0.5 @ y
        w = rng.standard_normal((samples, n, into)) / into**0.5
        b = rng.standard_normal((samples, n, 1)) * p.bias_variance**0.5
        step = w @ phi(x)
        if p.architecture == "resnet":
            y = y + (p.time**0.5 * step + b) / depth**0.5
        elif p.architecture == "shaped":
            y = step * (2 / (up**2 + down**2)) ** 0.5
        else:
            y = weight_variance(p) ** 0.5 * step + b
    q = np.einsum("sia,sib->abs", y, y) / n
    alive = (y != 0).any(axis=1)
    both = alive[:, 0] & alive[:, 1]
    return {
        "q_aa": q[0, 0],
        "q_ab": q[0, 1],
        "q_bc": q[1, 2],
        "q_cc": q[2, 2],
        "correlation": (q[0, 1] / np.sqrt(np.where(both, q[0, 0] * q[1, 1], 1)))[both],
        "log_q": np.log(q[0, 0][alive[:, 0]]),
        "alive": alive[:, 0],
        "positive": (y[..., 0] > 0).mean(axis=1),
        "third_moment": (y[..., 0] ** 3).mean(axis=1),
        "displacement": ((y - start)[..., 0] ** 2).mean(axis=1),
    }


def slowly(names: Iterable[str], quick: Iterable[str]) -> list[Any]:
    """Every one compiles code of its own; the quick ones are enough for most days."""
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", slowly(NETWORKS, ("resnet", "two layers inside", "shaped")))
@pytest.mark.parametrize("sampler", slowly(("exact", "explicit"), ("exact",)))
def test_against_the_literal_network(name: str, sampler: str) -> None:
    found = simulate(width=5, depth=6, gram=THREE, sampler=sampler, **NETWORKS[name])
    for statistic, values in literal(name).items():
        if statistic in found:
            assert_same(found[statistic], mean(values))
    for statistic, factor in (("log_q", 1), ("q_aa", 5), ("q_ab", 5)):
        values = literal(name)[statistic]
        square = mean((values - values.mean()) ** 2)
        variance = square._replace(value=factor * square.value, stderr=factor * square.stderr)
        label = "var_log_q" if statistic == "log_q" else f"n_var_{statistic}"
        assert_same(found[label], variance)


LAWS = ("correlation", "difference", "product", "active", "q_bc")


@pytest.mark.parametrize("binned", slowly(LAWS, ("product",)))
def test_laws_by_the_exact_law_and_by_weights(binned: str) -> None:
    params: dict[str, Any] = {"width": 5, "depth": 6, "gram": THREE, "edges": EDGES}
    exact = simulate(binned=binned, **params)["law"]
    explicit = simulate(binned=binned, sampler="explicit", **params)["law"]
    assert np.count_nonzero(exact.counts) > 3
    assert_same_law(exact, explicit)


def test_single_and_double_precision_agree() -> None:
    single = simulate(width=5, depth=6, gram=THREE, **NETWORKS["resnet"])
    double = simulate(width=5, depth=6, gram=THREE, dtype="float64", **NETWORKS["resnet"])
    for name, estimate in single.items():
        assert_same(estimate, double[name])


# --- singular kernels, dead networks, great depths ------------------------------------------------


@pytest.mark.slow
def test_equal_inputs_stay_equal() -> None:
    for kind in ("resnet", "mlp"):
        found = simulate(samples=2000, width=4, depth=20, correlation=1.0, architecture=kind)
        assert found["correlation"].value == pytest.approx(1, abs=1e-6)
        for name in ("q_ab", "q_bb"):
            assert found[name].value == pytest.approx(found["q_aa"].value, rel=1e-6)


@pytest.mark.slow
def test_opposite_inputs_have_the_law_of_their_weights() -> None:
    exact = simulate(width=4, depth=6, correlation=-1.0)
    explicit = simulate(width=4, depth=6, correlation=-1.0, sampler="explicit")
    for name, estimate in exact.items():
        assert_same(estimate, explicit[name], 1e-6)


@pytest.mark.slow
def test_more_inputs_than_units() -> None:
    x = np.random.default_rng(1).standard_normal((8, 3))
    x[5], x[6] = x[4], -2 * x[3]  # equal and parallel ones among them
    gram = tuple(map(tuple, (x @ x.T / 3).tolist()))
    exact = simulate(samples=1 << 14, width=3, depth=4, gram=gram)
    explicit = simulate(samples=1 << 14, width=3, depth=4, gram=gram, sampler="explicit")
    for name, estimate in exact.items():
        assert math.isfinite(estimate.value)
        assert_same(estimate, explicit[name], 1e-6)
    assert exact["q_ef"].value == pytest.approx(exact["q_ee"].value, rel=1e-5)


def test_dead_networks_are_counted() -> None:
    found = simulate(width=4, depth=30, architecture="mlp")
    assert_is(found["alive"], (1 - 2**-4) ** 30)
    assert found["log_q"].samples < 1 << 15
    # Per layer the mean of q stays, dead networks counting as 0.
    short = simulate(width=4, depth=2, architecture="mlp")
    assert_is(short["q_aa"], 1.0)
    assert_is(short["n_var_q_aa"], 4 * ((1 + 5 / 4) ** 2 * (1 + 2 / 4) - 1))


@pytest.mark.slow
@pytest.mark.parametrize("depth", [3000, 3001])
def test_no_depth_is_too_much_for_a_perceptron(depth: int) -> None:
    found = simulate(samples=256, width=64, depth=depth, architecture="mlp")
    # A layer multiplies q by 2 chi2_K / n, K ~ Binomial(n, 1/2): log mean -2.5/n (1 + O(1/n)).
    assert found["log_q"].value == pytest.approx(-2.5 * depth / 64, rel=0.1)
    assert found["alive"].value == 1
    assert found["correlation"].value == pytest.approx(1, abs=1e-3)


def test_depth_one_and_odd_depths() -> None:
    # E q_aa = (1 + 1/(2L))^L and E |Y_L - Y_0|^2 / n the same less 1, at every width.
    for depth in (1, 3, 7):
        found = simulate(width=5, depth=depth)
        assert_is(found["q_aa"], (1 + 0.5 / depth) ** depth)
        assert_is(found["displacement"], (1 + 0.5 / depth) ** depth - 1)


def test_records() -> None:
    found = simulate(samples=1 << 14, width=5, depth=10, records=5)
    assert {"q_aa@0.2", "q_aa@0.4", "q_aa@0.6", "q_aa@0.8", "q_aa"} <= found.keys()
    for layers in (2, 4, 6, 8):
        assert_is(found[f"q_aa@{layers / 10:g}"], 1.05**layers)
    assert_is(found["q_aa"], 1.05**10)


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "clock"), [({"gamma": 1.0}, 1 / 20), ({"branch": "linear"}, 21 / 20), ({}, 1.0)]
)
def test_branch_factors(params: dict[str, Any], clock: float) -> None:
    p = Params(width=5, depth=20, **params)
    squares = branch_factors(p) ** 2
    assert squares.sum() == pytest.approx(clock, rel=1e-12)
    found = simulate(width=5, depth=20, **params)
    assert_is(found["q_aa"], float(np.prod(1 + squares / 2)))


def test_weight_variance_keeps_q() -> None:
    assert weight_variance(Params(architecture="mlp")) == pytest.approx(2, rel=1e-14)
    p = Params(architecture="mlp", activation="erf", q0=2.0)
    kept = 2 / (2 / math.pi * math.asin(4 / 5))
    assert weight_variance(p) == pytest.approx(kept, rel=1e-9)
    assert weight_variance(Params(architecture="mlp", weight_variance=1.5)) == 1.5


def test_square_root_of_singular_matrices() -> None:
    rng = np.random.default_rng(2)
    for rank in (1, 2, 5):
        x = rng.standard_normal((5, rank))
        gram = x @ x.T
        root = square_root(gram)
        assert np.count_nonzero(np.diag(root)) == rank
        np.testing.assert_allclose(root @ root.T, gram, atol=1e-13)
        assert np.array_equal(root, np.tril(root))


def test_errors_against_a_reference() -> None:
    n, depth, samples = 5, 6, 1 << 15
    reference = tuple((1 + 0.1 * i, 0.3 + 0.05 * i) for i in range(depth))
    found = simulate(width=n, depth=depth, reference=reference)
    rng = np.random.default_rng(SEED)
    z = rng.standard_normal((2, samples, n))
    y = np.stack([z[0], 0.3 * z[0] + math.sqrt(1 - 0.09) * z[1]], axis=2)
    squares = []
    for q_aa, q_ab in reference:
        w = rng.standard_normal((samples, n, n)) / n**0.5
        y = y + w @ np.maximum(y, 0) / depth**0.5
        aa, ab = (y[..., 0] ** 2).mean(axis=1), (y[..., 0] * y[..., 1]).mean(axis=1)
        squares.append([(aa - q_aa) ** 2, (ab - q_ab) ** 2])
    for k, name in enumerate(("error_aa", "error_ab")):
        every = np.array(squares)[:, k]
        largest = every[every.mean(axis=1).argmax()]
        wanted = {name: every[-1], f"sup_{name}": largest, f"l2_sup_{name}": every.max(axis=0)}
        for label, square in wanted.items():
            e = mean(square)
            root = math.sqrt(e.value)
            assert_same(found[label], Estimate(root, e.stderr / (2 * root), samples))


def test_reference_from_theory_is_data_to_twelve_digits() -> None:
    p = with_reference(Params(depth=10))
    assert len(p.reference) == 10
    assert p.reference[-1][0] == pytest.approx(math.exp(0.5), rel=1e-11)
    assert with_reference(Params(architecture="shaped")).reference == ()


# --- tangent kernels ------------------------------------------------------------------------------

TANGENT: dict[str, dict[str, Any]] = {
    "resnet": {"bias_variance": 0.5, "time": 1.5},
    "mlp": {"architecture": "mlp", "weight_variance": 1.7},
    "mlp tanh": {"architecture": "mlp", "activation": "tanh"},
}


@functools.cache
def literal_kernel(name: str, n: int = 4, depth: int = 3, samples: int = 1 << 14) -> Array:
    """Tangent kernels of two inputs in R^2 by automatic differentiation of every parameter."""
    p = Params(width=n, depth=depth, **TANGENT[name])
    phi = jnp.tanh if p.activation == "tanh" else jax.nn.relu
    x = math.sqrt(2) * np.linalg.cholesky(p.covariance)  # <a, b> / 2 = gram
    sigma_w = math.sqrt(weight_variance(p))

    def f(parameters: Any, x: Any) -> Any:
        w_in, layers, biases, v = parameters
        y = w_in @ x / math.sqrt(2)
        for w, b in zip(layers, biases, strict=True):
            step = sigma_w * w @ phi(y) / math.sqrt(n) + math.sqrt(p.bias_variance) * b
            y = y + step / math.sqrt(depth) if p.architecture == "resnet" else step
        return v @ phi(y) / math.sqrt(n)

    def one(key: Any) -> Any:
        keys = jax.random.split(key, 4)
        shapes = (n, 2), (depth, n, n), (depth, n), (n,)
        drawn = [jax.random.normal(k, s, "float64") for k, s in zip(keys, shapes, strict=True)]
        a, b = (jax.flatten_util.ravel_pytree(jax.grad(f)(drawn, row))[0] for row in x)
        return jnp.stack([a @ a, a @ b, b @ b])

    keys = jax.random.split(jax.random.key(SEED, impl="threefry2x32"), samples)
    return np.asarray(jax.jit(jax.vmap(one))(keys))


@pytest.mark.slow
@pytest.mark.parametrize("name", slowly(TANGENT, ("mlp",)))
@pytest.mark.parametrize("sampler", slowly(("exact", "explicit"), ("exact",)))
def test_tangent_kernel_by_differentiation(name: str, sampler: str) -> None:
    found = simulate(NTK, width=4, depth=3, sampler=sampler, **TANGENT[name])
    theta = literal_kernel(name)
    for k, entry in enumerate(("ntk_aa", "ntk_ab", "ntk_bb")):
        assert_same(found[entry], mean(theta[:, k]))
    assert_same(found["log_ntk_aa"], mean(np.log(theta[theta[:, 0] > 0, 0])))
    for k, entry in enumerate(("ntk_aa", "ntk_ab")):
        square = mean((theta[:, k] - theta[:, k].mean()) ** 2)
        assert_same(found[f"n_var_{entry}"], Estimate(4 * square.value, 4 * square.stderr, 0))


def test_independent_backward_weights_are_another_law() -> None:
    params: dict[str, Any] = {"width": 4, "depth": 3, **TANGENT["resnet"]}
    right = simulate(NTK, samples=1 << 18, **params)
    wrong = simulate(NTK, samples=1 << 18, backward="independent", **params)
    z = [
        abs(right[name].value - wrong[name].value)
        / math.hypot(right[name].stderr, wrong[name].stderr)
        for name in ("ntk_aa", "log_ntk_aa", "n_var_ntk_aa")
    ]
    assert max(z) > Z, z


# --- helpers --------------------------------------------------------------------------------------


def test_variances_of_groups() -> None:
    x = np.random.default_rng(3).standard_normal((2, 12))
    found = variances(jnp.asarray(x), 4)
    np.testing.assert_allclose(found, x.reshape(2, 3, 4).var(axis=2, ddof=1), rtol=1e-12)
    mask = np.arange(12) % 4 != 1
    found = variances(jnp.asarray(x), 4, jnp.asarray(mask))
    kept = x[:, mask].reshape(2, 3, 3)
    np.testing.assert_allclose(found, kept.var(axis=2, ddof=1), rtol=1e-12)


def test_slope() -> None:
    points = [Estimate(1 + 2 * x, 0.1, 10) for x in (0, 1, 2)]
    found = slope([0, 1, 2], points)
    assert found.value == pytest.approx(2, rel=1e-12)
    assert found.stderr == pytest.approx(0.1 / math.sqrt(2), rel=1e-12)
    undefined = Estimate(math.nan, math.inf, 10)
    assert slope([0, 1, 2, 3], [*points, undefined]).value == pytest.approx(2, rel=1e-12)
    assert math.isnan(slope([0, 1], [points[0], undefined]).value)


@pytest.mark.slow
@pytest.mark.slow
def test_lanes_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulations import coupled, forward

    p = Params(width=300, depth=4)
    engines.start_jax_on_one_core()
    one = core.run([Job(PATHS, p, 200)], SEED)[0]
    monkeypatch.setattr(forward, "lanes_here", lambda: 4)
    four = core.run([Job(PATHS, p, 200)], SEED)[0]
    coupled.compiled.cache_clear()
    for name, estimate in one.items():
        assert four[name].value == pytest.approx(estimate.value, rel=1e-5)  # type: ignore[union-attr]
