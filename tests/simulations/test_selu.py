"""Self-normalising networks: exact laws against weights, statistics against known numbers.

Statistical tests use Z standard errors: false alarms have probability 1e-6 for the whole file and a
random seed, as far as means are normal.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from simulations import core
from simulations.accumulators import Moments
from simulations.core import Estimate, Experiment, Job
from simulations.selu import CLT, INITIALISATION, NEURON, PATHS, Params, with_dropout
from simulations.selu.experiments import ratio, recorded_layers

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "6"))
Z = stats.norm.isf(0.5e-6 / 200)
"""Two-sided 1e-6 for two hundred normal statistics together: 6.0."""
Array = np.ndarray[Any, Any]
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543773
STATISTICS = ("second_moment", "mean", "variance", "log_q", "n_var_q", "n_var_mean", "slope")
NETWORK = {"width": 5, "depth": 5, "mean": 0.5, "burn_in": 2}


@functools.cache
def simulate(experiment: Experiment = PATHS, samples: int = 1 << 14, **params: Any) -> Any:
    return core.run([Job(experiment, with_dropout(Params(**params)), samples)], SEED)[0]


def assert_is(e: Estimate, value: float, stderr: float = 0.0, slack: float = 0.0) -> None:
    assert math.isfinite(e.value)
    assert abs(e.value - value) <= Z * math.hypot(e.stderr, stderr) + slack, (e, value, stderr)


def selu(z: Array) -> Array:
    return SCALE * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0)))


# --- the signal of one input ----------------------------------------------------------------------


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize("initialisation", ["gaussian", "orthogonal", "normalised"])
def test_exact_law_is_that_of_the_weights(initialisation: str) -> None:
    exact = simulate(**NETWORK, initialisation=initialisation)
    explicit = simulate(**NETWORK, initialisation=initialisation, sampler="explicit")
    for name in STATISTICS:
        assert_is(exact[name], explicit[name].value, explicit[name].stderr)


def literal(initialisation: str, keep: float, samples: int = 1 << 14) -> dict[str, Array]:
    """Networks of numpy, weights and all."""
    rng = np.random.default_rng(SEED)
    n, a, b = 5, 0.878903583443533, 0.309039962144095  # keep = 0.8
    h = rng.standard_normal((n, samples))
    h = 0.5 + math.sqrt(0.75) * (h - h.mean(0)) / h.std(0)
    found = {}
    for layer in range(1, 6):
        w = rng.standard_normal((n, n, samples))
        if initialisation == "uniform":
            w = rng.uniform(-math.sqrt(3), math.sqrt(3), w.shape)
        if initialisation == "normalised":
            w = w - w.mean(axis=1, keepdims=True)
            w *= math.sqrt(n) / np.sqrt((w**2).sum(axis=1, keepdims=True))
        if initialisation == "orthogonal":
            q, r = np.linalg.qr(np.moveaxis(w, -1, 0))
            signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
            w = math.sqrt(n) * np.moveaxis(q * signs[:, None, :], 0, -1)
        h = selu(np.einsum("ijs,js->is", w, h) / math.sqrt(n))
        if keep < 1:
            h = a * np.where(rng.random(h.shape) < keep, h, -SCALE * ALPHA) + b
        found[f"q{layer}"], found[f"m{layer}"] = (h**2).mean(axis=0), h.mean(axis=0)
    return found


@pytest.mark.parametrize(
    ("initialisation", "sampler", "keep"),
    [
        ("gaussian", "exact", 1.0),
        pytest.param("orthogonal", "exact", 1.0, marks=SLOW),
        pytest.param("uniform", "explicit", 1.0, marks=SLOW),
        ("normalised", "exact", 0.8),
    ],
)
def test_networks_of_numpy(initialisation: str, sampler: str, keep: float) -> None:
    more = {"initialisation": initialisation, "sampler": sampler} | (
        {"keep": 0.8} if keep < 1 else {}
    )
    found, true = simulate(**NETWORK, **more), literal(initialisation, keep)
    q, m = true["q5"], true["m5"]
    for name, x in (
        ("second_moment", q),
        ("mean", m),
        ("variance", q - m**2),
        ("log_q", np.log(q)),
    ):
        assert_is(found[name], x.mean(), x.std() / math.sqrt(x.size))
    for name, x in (("n_var_q", q), ("n_var_mean", m)):
        squares = 5 * (x - x.mean()) ** 2
        assert_is(found[name], squares.mean(), squares.std() / math.sqrt(x.size))
    chain = [true[f"q{layer}"] - true[f"q{layer}"].mean() for layer in range(2, 6)]
    top = sum(x * y for x, y in itertools.pairwise(chain))
    bottom = sum(x * x for x in chain[:-1])
    slope = top.mean() / bottom.mean()
    error = (top - slope * bottom).std() / bottom.mean() / math.sqrt(q.size)
    assert_is(found["slope"], slope, error)


def test_one_layer_has_the_moments_of_one_neuron() -> None:
    """E f^4 - 1 by quadrature; exact at every width."""
    found = simulate(width=5, depth=1, samples=1 << 17)
    fourth = integrate.quad(
        lambda z: selu(np.array(z)) ** 4 * stats.norm.pdf(z), -12, 12, limit=200
    )
    assert fourth[0] - 1 == pytest.approx(1.50314045061, abs=1e-8)
    for name, value in {"n_var_q": fourth[0] - 1, "second_moment": 1.0, "mean": 0.0}.items():
        assert_is(found[name], value)
    assert_is(found["n_var_mean"], 1.0)
    assert "slope" not in found


def test_records_are_the_shorter_networks() -> None:
    assert [s for _, s in recorded_layers(Params(depth=7, records=2))] == ["@4", ""]
    long, short = simulate(**NETWORK | {"depth": 8}, records=2), simulate(**NETWORK | {"depth": 4})
    for name in STATISTICS[:-1]:
        assert_is(long[f"{name}@4"], short[name].value, short[name].stderr)


@pytest.mark.slow
def test_single_and_double_precision() -> None:
    one, two = simulate(**NETWORK), simulate(**NETWORK, dtype="float64")
    for name in STATISTICS:
        assert_is(one[name], two[name].value, two[name].stderr, slack=1e-6)


def test_ratio_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(SEED)
    b = rng.exponential(size=400)
    a = 0.7 * b + rng.standard_normal(400)
    d = np.stack([a, b, a + b])
    m = d.mean(axis=1)
    sums = [((d - m[:, None]) ** k).sum(axis=1) for k in (2, 3, 4)]
    found = ratio(Moments(np.full(3, 400.0), m, *sums))
    slope = a.mean() / b.mean()
    assert found.value == pytest.approx(slope, rel=1e-12)
    error = (a - slope * b).std(ddof=1) / b.mean() / 20
    assert found.stderr == pytest.approx(error, rel=1e-9)
    assert math.isnan(ratio(Moments(np.zeros(3), np.zeros(3), *np.zeros((3, 3)))).value)


# --- single neurons -------------------------------------------------------------------------------


def test_weights_of_a_gaussian_neuron() -> None:
    """omega ~ N(0, 1); given it n tau = omega^2 + chi-square of n - 1."""
    n = 16
    ranges = {"omega_low": -0.2, "omega_high": 0.4, "tau_low": 0.9, "tau_high": 1.2}
    found = simulate(INITIALISATION, width=n, samples=1 << 17, **ranges)
    near = stats.norm.cdf(0.4) - stats.norm.cdf(-0.2)
    mild = stats.chi2.cdf(1.2 * n, n) - stats.chi2.cdf(0.9 * n, n)

    def both(omega: float) -> float:
        ends = [stats.chi2.cdf(n * t - omega**2, n - 1) for t in (1.2, 0.9)]
        return float((ends[0] - ends[1]) * stats.norm.pdf(omega))

    inside = integrate.quad(both, -0.2, 0.4)[0]
    for name, value in {
        "omega": 0.0,
        "omega_square": 1.0,
        "tau": 1.0,
        "n_var_tau": 2.0,
        "omega_inside": near,
        "tau_inside": mild,
        "inside": inside,
    }.items():
        assert_is(found[name], value)


def test_normal_neuron() -> None:
    """Reference: (mu, omega, nu, tau) = (.1, .1, 1.5, 1.1), by mpmath at 40 digits."""
    found = simulate(NEURON, mean=0.1, omega=0.1, variance=1.5, tau=1.1, samples=1 << 17)
    mean, variance = 0.0677251016898785525, 1.48157495827116468
    assert_is(found["mean"], mean)
    assert_is(found["variance"], variance)
    assert_is(found["second_moment"], variance + mean**2)


def test_alpha_dropout_of_its_own_input() -> None:
    """a (x d + s (1 - d)) + b with x ~ N(0.3, 0.5), s = -scale alpha, and P(d = 1) = 0.9."""
    p = {"activation": "linear", "keep": 0.9, "mean": 0.3, "omega": 1.0, "variance": 0.5}
    a, b, s = 0.9212845161497110, 0.1619709700575700, -SCALE * ALPHA
    found = simulate(NEURON, **p, samples=1 << 17)
    assert with_dropout(Params(keep=0.9)).affine == pytest.approx((a, b), rel=1e-12)
    assert_is(found["mean"], a * (0.9 * 0.3 + 0.1 * s) + b)
    assert_is(found["variance"], a**2 * 0.9 * (0.1 * (s - 0.3) ** 2 + 0.5))


def test_sum_of_sixteen_exponentials() -> None:
    """z is a shifted Gamma variable; the reference values are by exact quadrature."""
    found = simulate(CLT, width=16, initialisation="equal", samples=1 << 17)
    assert_is(found["mean"], -0.020660413045297)
    assert_is(found["second_moment"], 1.0747587414106)
    assert_is(found["z_square"], 1.0)
    assert_is(found["z_cube"], 2 / 4)


@pytest.mark.slow
@pytest.mark.parametrize("inputs", ["uniform", "rademacher", "gaussian"])
def test_inputs_are_standardised(inputs: str) -> None:
    found = simulate(CLT, width=3, inputs=inputs, activation="linear", samples=1 << 15)
    assert_is(found["mean"], 0.0)
    assert_is(found["z_square"], 1.0)
    assert_is(found["z_cube"], 0.0)


# --- what is refused ------------------------------------------------------------------------------

REFUSED: list[tuple[Experiment, dict[str, Any], str]] = [
    (PATHS, {"initialisation": "uniform"}, "--initialisation uniform has no exact law; use"),
    (PATHS, {"initialisation": "equal"}, "--initialisation equal is for --quantity clt."),
    (PATHS, {"initialisation": "normalised", "width": 2}, "--width must be at least 3"),
    (PATHS, {"mean": 1.5}, "--mean 1.5 is too large: its square is above --q0 1.0."),
    (PATHS, {"tau": 2.0}, "--tau has no meaning for moments; leave it out."),
    (PATHS, {"depth": 4, "records": 3}, "--records must be at most 2 at --depth 4; got 3."),
    (PATHS, {"keep": 0.9}, "dropout needs its constants (a, b)"),
    (PATHS, {"keep": 0.9, "activation": "relu"}, "alpha dropout is defined for selu, not for relu"),
    (PATHS, {"affine": (1.0, 0.0)}, "--affine has no meaning for networks without dropout"),
    (INITIALISATION, {"initialisation": "orthogonal"}, "--initialisation orthogonal has no"),
    (INITIALISATION, {"depth": 3}, "--depth has no meaning for initialisation; leave it out."),
    (NEURON, {"width": 3}, "--width has no meaning for neuron; leave it out."),
    (CLT, {"omega": 0.5}, "--omega has no meaning for clt; leave it out."),
    (CLT, {"initialisation": "normalised"}, "--initialisation normalised has no meaning for clt."),
]


@pytest.mark.parametrize(("experiment", "params", "message"), REFUSED)
def test_refused(experiment: Experiment, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        Job(experiment, Params(**params), 1)
    assert message in str(error.value)
