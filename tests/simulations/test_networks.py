"""Simulated residual networks against exact values and against networks with literal weights.

Statistical tests use Z standard errors: a false alarm has probability 1e-6 for the whole file and
a random seed, as far as the means are normal; where samples are skewed, their number is such that
the correction is small.
"""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from simulations import core
from simulations.core import Estimate, Job, Law
from simulations.depth_limit import COUPLING, PATHS, Params

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "4"))
Z = norm.isf(0.5e-6 / 200)
"""Two-sided 1e-6 for two hundred normal statistics together: 5.9."""
EDGES = tuple(np.linspace(-4, 4, 33))


@functools.cache
def simulate(samples: int = 1 << 18, **params: Any) -> dict[str, Any]:
    """Estimates; the same edges everywhere, so that each width is compiled once."""
    return core.run([Job(PATHS, Params(**{"edges": EDGES} | params), samples)], SEED)[0]


def assert_is(e: Any, value: float, slack: float = 0.0) -> None:
    assert isinstance(e, Estimate)
    assert 0 <= e.stderr < math.inf
    assert abs(e.value - value) <= Z * e.stderr + slack, (e, value)


def assert_same(a: Estimate, b: Estimate) -> None:
    assert abs(a.value - b.value) <= Z * math.hypot(a.stderr, b.stderr), (a, b)


# --- exact law, explicit weights, literal numpy ---------------------------------------------------

SHAPES = [(1, 4), (2, 8), (4, 16), (16, 8)]
COMPARED = ("alive", "log_ratio", "log_ratio_martingale", "active_count", "q", "displacement")
COMPARED += ("quadratic_variation", "drift_residual", "growth", "skewness")


@pytest.mark.parametrize(
    ("width", "depth"),
    [pytest.param(*s, marks=pytest.mark.slow if s[0] in (1, 16) else ()) for s in SHAPES],
)
def test_exact_law_is_the_law_with_explicit_weights(width: int, depth: int) -> None:
    samples = 1 << 17
    exact = simulate(samples, width=width, depth=depth)
    explicit = simulate(samples, width=width, depth=depth, sampler="explicit")
    for name in COMPARED:
        for kind in ("", "_step"):  # the step holds the coupled network of half the depth
            assert_same(exact[name + kind], explicit[name + kind])
    assert_same_law(exact["neuron"], explicit["neuron"])


def assert_same_law(a: Law, b: Law) -> None:
    """Two-sample Kolmogorov-Smirnov in bins: at most its level, by Massart's bound."""
    n, m = a.counts.sum(), b.counts.sum()
    distance = np.abs(np.cumsum(a.counts) / n - np.cumsum(b.counts) / m).max()
    # P(D > e) <= P(D_n > e/2) + P(D_m > e/2), each <= 2 exp(-2 n (e/2)^2).
    assert distance < 2 * math.sqrt(math.log(4 / 1e-7) / (2 * min(n, m)))


def literal(width: int, depth: int, samples: int) -> dict[str, np.ndarray[Any, Any]]:
    """The network as its definition says, weights and all, in numpy."""
    rng = np.random.default_rng(SEED)
    y = start = rng.standard_normal((samples, width))
    for _ in range(depth):
        w = rng.standard_normal((samples, width, width)) / np.sqrt(width)
        y = y + np.einsum("sij,sj->si", w, np.maximum(y, 0)) / np.sqrt(depth)
    n0 = np.linalg.norm(np.maximum(start, 0), axis=1)
    n1 = np.linalg.norm(np.maximum(y, 0), axis=1)
    kept = (n0 > 0) & (n1 > 0)
    return {
        "alive": (n1 > 0)[n0 > 0],
        "log_ratio": np.log(n1[kept] / n0[kept]),
        "growth": n1[n0 > 0] / n0[n0 > 0],
        "active_count": (y > 0).sum(axis=1)[n0 > 0],
        "q": (y**2).mean(axis=1),
        "skewness": (y**3).mean(axis=1),
        "fourth_moment": (y**4).mean(axis=1),
        "displacement": (y - start).mean(axis=1),
    }


@pytest.mark.parametrize(("width", "depth"), SHAPES)
def test_against_the_literal_network(width: int, depth: int) -> None:
    samples = 1 << 16
    found = simulate(1 << 17, width=width, depth=depth)
    network = literal(width, depth, samples)
    for name, x in network.items():
        error = x.std() / math.sqrt(x.size)
        assert_same(found[name], Estimate(float(x.mean()), float(error), x.size))
    variance = network["q"].var(ddof=1)
    error = ((network["q"] - network["q"].mean()) ** 2).std() / math.sqrt(samples)
    assert_same(found["var_q"], Estimate(float(variance), float(error), samples))


def test_single_and_double_precision_agree() -> None:
    single = simulate(1 << 17, width=4, depth=16)
    double = simulate(1 << 17, width=4, depth=16, dtype="float64")
    for name in COMPARED:
        assert_same(single[name], double[name])
    assert_same_law(single["neuron"], double["neuron"])


# --- width one ------------------------------------------------------------------------------------


def width_one(depth: int) -> tuple[float, float, float]:
    """P(alive), E[log ratio | alive] and E[growth], by one-dimensional integrals."""
    s = 1 / math.sqrt(depth)
    log = quad(lambda z: math.log1p(s * z) * norm.pdf(z), -1 / s, 40, limit=200, epsabs=1e-12)[0]
    mean = ndtr(1 / s) + s * norm.pdf(1 / s)
    return ndtr(1 / s) ** depth, depth * log / ndtr(1 / s), mean**depth


def test_width_one_oracle() -> None:
    # Values of 13 digits from an independent high-precision computation.
    assert width_one(4) == pytest.approx((0.91205805209939, -0.5023102397257, 1.0170898496609))
    assert width_one(16) == pytest.approx((0.99949338048099, -0.5614912571555, 1.0000285814166))
    assert width_one(64)[1] == pytest.approx(-0.51238578757893, rel=1e-10)


@pytest.mark.parametrize("depth", [1, 4, 5, 16, 64])
def test_width_one_is_exact_at_every_depth(depth: int) -> None:
    alive, log_ratio, growth = width_one(depth)
    found = simulate(1 << 19, width=1, depth=depth)
    if alive < 1 - 1e-5:
        assert_is(found["alive"], alive)
    assert_is(found["log_ratio"], log_ratio)
    assert_is(found["growth"], growth)
    assert_is(found["displacement"], 0.0)
    # The coupled network of half the depth obeys the law of its own depth.
    if depth % 2 == 0:
        coarse = width_one(depth // 2)
        assert_is(found["growth_step"], growth - coarse[2])
        if coarse[0] > 1 - 1e-6:  # else it is given that both survive, which couples them
            assert_is(found["log_ratio_step"], log_ratio - coarse[1])


# --- one layer ------------------------------------------------------------------------------------


def one_layer_second_moment(n: int, depth: int) -> float:
    """E Q_1^2 after one layer of step 1 / depth, an exact rational."""
    h = 1 / depth
    return 1 + 2 / n + (2 + 4 / n) * (1 / 2 + 1 / n) * h + (1 + 2 / n) * (1 / 4 + 5 / 4 / n) * h * h


@pytest.mark.parametrize(
    ("width", "depth", "variance"), [(1, 1, 14.25), (2, 1, 5.5), (10, 1, 0.84), (10, 5, 0.296)]
)
def test_first_layer_of_a_deep_network(width: int, depth: int, variance: float) -> None:
    # The first of `depth` layers is a network of one layer with horizon 1 / depth.
    mean = 1 + 1 / (2 * depth)
    assert one_layer_second_moment(width, depth) - mean**2 == pytest.approx(variance, rel=1e-13)
    found = simulate(1 << 20, width=width, depth=1, time=1 / depth)
    assert not any("_limit" in name or "_step" in name for name in found)
    assert_is(found["q"], mean)
    # An estimated variance is skewed to the right at width 1: its error bar then comes out small
    # when the value does.
    assert_is(found["var_q"], variance, slack=2 * found["var_q"].stderr)


@pytest.mark.parametrize(
    ("depth", "unconditional"), [(1, 0.9318620343173), (4, 0.9932471776299), (16, 0.9993146395842)]
)
def test_active_neurons_after_the_first_layer_at_width_two(
    depth: int, unconditional: float
) -> None:
    r = math.sqrt(2 * depth)
    parts = [
        quad(lambda t: ndtr(r * math.cos(t)), 0, math.pi / 2)[0],
        quad(lambda t: ndtr(-r * math.tan(t)), 0, math.pi / 2)[0],
        math.pi / 2 * ndtr(r),
    ]
    assert sum(parts) / math.pi == pytest.approx(unconditional, rel=1e-9)
    found = simulate(1 << 19, width=2, depth=1, time=1 / depth)
    assert_is(found["active_count"], unconditional / 0.75)  # given that one is active at the start


# --- parameters -----------------------------------------------------------------------------------

LINEAR = {"width": 4, "activation": "linear"}


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8])
def test_linear_network_grows_by_one_factor_per_layer(depth: int) -> None:
    # E Q_L = q0 (1 + h)^L exactly, for the fine and for the coarse network.
    found = simulate(1 << 17, depth=depth, time=0.7, **LINEAR)
    h = 0.7 / depth
    fine, coarse = (1 + h) ** depth, (1 + 2 * h) ** (depth // 2) * (1 + h) ** (depth % 2)
    assert_is(found["q"], fine)
    if depth > 1:
        assert_is(found["q_step"], fine - coarse, slack=1e-6)
        assert_is(found["q_limit"], 2 * fine - coarse)
    assert found["alive"].value == 1


def test_earlier_times() -> None:
    found = simulate(1 << 17, depth=8, records=4, **LINEAR)
    for record, at in enumerate(("@0.25", "@0.5", "@0.75", ""), start=1):
        assert_is(found[f"q{at}"], (1 + 1 / 8) ** (2 * record))
    assert f"q@{1.0:g}" not in found


def test_scale_of_the_start() -> None:
    # A power of two in front of everything commutes with all roundings, but it has its own stream.
    unit, four = simulate(1 << 17, depth=8, **LINEAR), simulate(1 << 17, depth=8, q0=4.0, **LINEAR)
    for name, power in (("q", 2), ("fourth_moment", 4), ("var_q", 4), ("log_ratio", 0)):
        e = four[name]
        assert_same(unit[name], Estimate(e.value / 2**power, e.stderr / 2**power, e.samples))


def test_fixed_start() -> None:
    found = simulate(1 << 17, depth=8, start=-2.0, **LINEAR)
    assert_is(found["q"], 4 * (1 + 1 / 8) ** 8)
    assert_is(found["displacement"], 0)
    frozen = simulate(1 << 10, width=4, depth=8, start=-2.0)  # no unit of a ReLU is ever active
    assert frozen["q"] == pytest.approx((4, 0, 1024, 0))
    assert frozen["displacement"].value == 0
    assert frozen["log_ratio"].samples == frozen["alive"].samples == 0


USERS = {
    "numbers": "def f(x):\n    return x * (x > 0)\n",
    "jax": "import jax.numpy as jnp\ndef f(x):\n    return jnp.maximum(x, 0)\n",
}


@pytest.mark.parametrize("kind", USERS)
def test_activation_of_the_user(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"users_{kind}.py").write_text(USERS[kind])
    monkeypatch.syspath_prepend(str(tmp_path))
    found = simulate(1 << 17, width=4, depth=16, activation=f"users_{kind}:f")
    relu = simulate(1 << 17, width=4, depth=16)
    for name in ("alive", "log_ratio_martingale", "q", "growth", "active_count"):
        assert_same(found[name], relu[name])


def test_coupling_shrinks_with_depth() -> None:
    gaps = [
        core.run([Job(COUPLING, Params(width=4, depth=depth), 1 << 14)], SEED)[0]["sup_gap"]
        for depth in (16, 64)
    ]
    ratio = gaps[0].value / gaps[1].value
    error = ratio * math.hypot(*(g.stderr / g.value for g in gaps))
    # Order 1/L: a factor of 4, less what is due to the higher orders at L = 16.
    assert 2 + Z * error < ratio < 6 - Z * error


def test_no_key_is_used_twice() -> None:
    job = Job(PATHS, Params(width=3, depth=6, edges=EDGES), 100)
    with jax.debug_key_reuse(True):
        core.run([job], 1)
        with pytest.raises(jax.errors.KeyReuseError):
            jax.jit(lambda k: jax.random.bits(k) + jax.random.bits(k))(jax.random.key(1))
