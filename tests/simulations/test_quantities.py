"""Norms, tangents, Jacobians, gradients and two inputs: exact laws against literal networks.

The literal network is written in numpy, weights and all.  Statistical tests use Z standard errors:
false alarms have probability 1e-6 for the whole file and a random seed, as far as means are normal.
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from simulations import core, engines, jobs
from simulations.backward import GRADIENT as GRADIENT_NAMES
from simulations.columns import images
from simulations.core import Estimate, Experiment, Job, Law
from simulations.depth_limit import (
    CORRELATION,
    GRADIENT,
    JACOBIAN,
    PRE_NORM,
    TANGENT,
    Params,
)
from simulations.two_inputs import KINDS

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "5"))
Z = norm.isf(0.5e-6 / 300)
"""Two-sided 1e-6 for three hundred normal statistics together: 6.0."""
DEPTH = 8
EDGES = (0.001, 0.25, 0.5, 0.75, 0.999)
Array = np.ndarray[Any, Any]


@functools.cache
def simulate(experiment: Experiment, samples: int = 1 << 17, **params: Any) -> dict[str, Any]:
    return core.run([Job(experiment, Params(**params), samples)], SEED)[0]


def mean(x: Array) -> Estimate:
    x = np.asarray(x, float)
    return Estimate(float(x.mean()), float(x.std() / math.sqrt(x.size)), x.size)


def assert_same(a: Estimate, b: Estimate) -> None:
    assert math.isfinite(a.value)
    assert abs(a.value - b.value) <= Z * math.hypot(a.stderr, b.stderr), (a, b)


def assert_is(a: Estimate, value: float) -> None:
    assert_same(a, Estimate(value, 0.0, 0))


# --- the exact law of two columns -----------------------------------------------------------------


def columns() -> tuple[Array, Array]:
    """Pairs of vectors in R^3, with all that could go wrong among them."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 3, 12))
    a[:, 0] = 0
    b[:, 1] = 0
    a[:, 2] = b[:, 2] = 0
    b[:, 3] = a[:, 3]
    b[:, 4] = -2 * a[:, 4]
    a[:, 5] *= 1e-30
    b[:, 6] *= 1e-30
    a[1:, 7] = b[1:, 7] = 0
    b[:, 8] = a[:, 8] + 1e-6 * b[:, 8]
    return a, b


@pytest.mark.parametrize(("dtype", "eps"), [("float32", 1e-6), ("float64", 1e-15)])
def test_two_columns_have_the_covariance_of_the_weights(dtype: str, eps: float) -> None:
    # The map from normals to (W a, W b) is linear; its matrix squared is the covariance.
    a, b = (jnp.asarray(x.astype(dtype)) for x in columns())
    parts = np.eye(6, dtype=dtype)[:, :, None] * np.ones(12, dtype)
    found = [images(jnp.asarray(z), (a, b)) for z in parts]
    factor = np.array([np.concatenate(image) for image in found], float)  # (normal, row, sample)
    covariance = np.einsum("kis,kjs->ijs", factor, factor)
    for s in range(12):
        p = np.array([a[:, s], b[:, s]]).T.astype(float)
        wanted = np.kron(p.T @ p / 3, np.eye(3))
        scale = np.sqrt(np.maximum(np.outer(np.diag(wanted), np.diag(wanted)), 1e-300))
        assert np.all(np.abs(covariance[..., s] - wanted) <= 8 * eps * scale)


def test_two_columns_by_explicit_weights() -> None:
    w = np.random.default_rng(1).standard_normal((3, 3, 12))
    a, b = map(jnp.asarray, columns())
    for x, found in zip((a, b), images(jnp.asarray(w), (a, b)), strict=True):
        np.testing.assert_allclose(found, np.einsum("ijs,js->is", w, x) / 3**0.5, atol=1e-14)


# --- literal networks -----------------------------------------------------------------------------


def log_norm(x: Array, axis: int) -> Array:
    return np.asarray(np.log(np.linalg.norm(x, axis=axis)))


@functools.cache
def literal(n: int, samples: int = 1 << 16, time: float = 1.0, c0: float = 0.3) -> dict[str, Any]:
    """Statistics of the network at DEPTH layers as its definition says, without any control."""
    rng = np.random.default_rng(SEED)
    x, x2 = rng.standard_normal((2, samples, n))
    x2 = c0 * x + math.sqrt(1 - c0**2) * x2
    y, y2, leader = x, x2, x.argmax(axis=1)
    j = np.broadcast_to(np.eye(n), (samples, n, n))
    for _ in range(DEPTH):
        w = rng.standard_normal((samples, n, n)) * math.sqrt(time / DEPTH / n)
        j = j + np.einsum("sij,sj,sjk->sik", w, y > 0, j)
        y, y2 = (v + np.einsum("sij,sj->si", w, np.maximum(v, 0)) for v in (y, y2))
    alive, alive2 = (x > 0).any(axis=1), (x2 > 0).any(axis=1)
    first, second = (np.maximum(v, 0) for v in (y, y2))
    ends = first.any(axis=1) & second.any(axis=1)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    post = (first * second).sum(axis=1) / np.where(ends, lengths, 1)
    c, start = (
        (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        for u, v in ((y, y2), (x, x2))
    )
    singular = np.linalg.svd(j, compute_uv=False)
    column, row = log_norm(j, 1), log_norm(j, 2)
    both = alive & alive2
    return {
        "log_pre_norm": log_norm(y, 1) - log_norm(x, 1),
        "tangent": column[:, 0],
        "tangent_alive": column[alive, 0],
        "tangent_square": np.exp(2 * column[:, 0]),
        "gradient": row[:, 0],
        "gradient_alive": row[alive, 0],
        "gradient_log_square": row[:, 0] ** 2,
        "gradient_square": np.exp(2 * row[:, 0]),
        "column_mean": column.mean(axis=1),
        "row_mean": row.mean(axis=1),
        "column_minus_row": (column - row).mean(axis=1),
        "log_det": np.log(singular).sum(axis=1),
        "frobenius": (singular**2).sum(axis=1) / n,
        "nuclear": np.log(singular.sum(axis=1) / 2),
        "correlation": c,
        "correlation_drift": (c - start) / time,
        "post_correlation": post[ends],
        "same": (ends & (post > 0.999))[both],
        "different": (ends & (post < 0.001))[both],
        "undecided": ~(ends & ((post > 0.999) | (post < 0.001)))[both],
        "single": ((y > 0).sum(axis=1) == 1)[alive],
        "moved": (y.argmax(axis=1) != leader)[alive],
        "post": post[ends],
    }


def assert_literal(found: dict[str, Any], network: dict[str, Any]) -> None:
    compared = [name for name in network if name in found]
    assert compared
    for name in compared:
        if isinstance(found[name], Law):
            law, values = found[name], np.sort(network[name])
            assert_same_law(law, np.searchsorted(values, law.edges, side="right") / values.size)
        else:
            assert_same(found[name], mean(network[name]))


def assert_same_law(law: Law, distribution: Array, samples: int = 1 << 14) -> None:
    """Kolmogorov-Smirnov in bins, by Massart's bound, for at least so many samples on each side."""
    share = np.cumsum(law.counts)[:-1] / law.counts.sum()
    assert law.counts.sum() > samples
    assert np.abs(share - distribution).max() < 2 * math.sqrt(math.log(4 / 1e-7) / (2 * samples))


@pytest.mark.parametrize(
    ("experiment", "width", "options"),
    [
        (PRE_NORM, 3, {}),
        (TANGENT, 2, {}),
        (TANGENT, 4, {}),
        (TANGENT, 4, {"sampler": "explicit"}),
        (JACOBIAN, 2, {}),
        pytest.param(JACOBIAN, 4, {}, marks=pytest.mark.slow),
        (GRADIENT, 2, {}),
        (GRADIENT, 4, {}),
        (GRADIENT, 8, {}),
        (CORRELATION, 2, {"correlation": 0.3, "edges": EDGES}),
        pytest.param(CORRELATION, 4, {"correlation": 0.3, "edges": EDGES}, marks=pytest.mark.slow),
        (CORRELATION, 2, {"correlation": 0.3, "edges": EDGES, "sampler": "explicit"}),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_against_the_literal_network(
    experiment: Experiment, width: int, options: dict[str, Any]
) -> None:
    found = simulate(experiment, width=width, depth=DEPTH, **options)
    assert_literal(found, literal(width))


def test_fresh_backward_weights_are_the_wrong_law() -> None:
    common = {"width": 2, "depth": DEPTH, "time": 4.0}
    network = literal(2, 1 << 18, 4.0)
    right = simulate(GRADIENT, 1 << 22, **common)
    wrong = simulate(GRADIENT, 1 << 22, **common, backward="independent")
    assert_literal(right, network)
    gap = wrong["gradient_log_square"].value - right["gradient_log_square"].value
    assert abs(gap) > 2 * Z * wrong["gradient_log_square"].stderr


# --- facts without bias in depth ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("experiment", "options", "names"),
    [
        (PRE_NORM, {}, ("log_pre_norm", "log_pre_norm_alive", "pre_norm_residual")),
        (PRE_NORM, {"activation": "tanh", "q0": 2.0, "time": 3.0}, ("log_pre_norm",)),
        (TANGENT, {}, ("tangent", "tangent_alive", "tangent_residual")),
        (JACOBIAN, {}, ("nuclear", "column_mean")),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_width_two_keeps_its_mean_logarithms(
    experiment: Experiment, options: dict[str, Any], names: tuple[str, ...]
) -> None:
    # At most (L/2) E_1(L/T) from zero: below 1e-8 for these.
    found = simulate(experiment, width=2, depth=64, **options)
    for name in names:
        assert_is(found[name], 0.0)
        assert_is(found[f"{name}_limit"], 0.0)
        assert found[name].stderr < 1e-3


def test_forward_and_backward_agree_for_uniform_directions_alone() -> None:
    uniform = simulate(JACOBIAN, width=2, depth=DEPTH, time=2.0, direction="uniform")
    assert_same(uniform["tangent"], uniform["gradient"])
    backward = simulate(GRADIENT, width=2, depth=DEPTH, time=2.0, direction="uniform")
    assert_same(backward["gradient"], uniform["gradient"])
    assert_same(backward["gradient_square"], uniform["frobenius"])
    assert uniform["column_minus_row"].value > Z * uniform["column_minus_row"].stderr


def test_direction_ones_is_the_unit_vector() -> None:
    # A linear network is rotation invariant, and at width 1 all directions are one.
    for experiment, name in ((TANGENT, "tangent_square"), (GRADIENT, "gradient_square")):
        common = {"width": 2, "depth": DEPTH, "activation": "linear", "direction": "ones"}
        assert_is(simulate(experiment, **common)[name], (1 + 1 / DEPTH) ** DEPTH)


# --- edges ----------------------------------------------------------------------------------------


def test_width_one_and_odd_depth() -> None:
    found = simulate(TANGENT, width=1, depth=5, activation="linear")
    assert_is(found["tangent_square"], (1 + 1 / 5) ** 5)
    assert_is(found["tangent_square_step"], (6 / 5) ** 5 - (7 / 5) ** 2 * 6 / 5)
    assert_is(simulate(GRADIENT, width=1, depth=5, activation="linear")["gradient_square"], 1.2**5)
    both = simulate(CORRELATION, width=1, depth=5, correlation=0.3)
    assert abs(both["correlation"].value) <= 1
    assert both["undecided"].value + both["same"].value + both["different"].value == pytest.approx(
        1
    )


@pytest.mark.parametrize("c0", [1.0, -1.0])
def test_parallel_inputs(c0: float) -> None:
    found = simulate(CORRELATION, 1 << 12, width=3, depth=DEPTH, correlation=c0, edges=EDGES)
    if c0 == 1:
        for name in ("correlation", "post_correlation", "same"):
            assert found[name].value == pytest.approx(1, abs=1e-5)
        assert found["correlation_drift"].value == pytest.approx(0, abs=1e-5)
        assert found["post"].counts[:-1].sum() == 0
    else:
        assert -1 < found["correlation"].value < 0


def test_dead_inputs_stay_where_they_are() -> None:
    frozen = {"width": 4, "depth": DEPTH, "start": -2.0}
    found = simulate(TANGENT, 1 << 10, **frozen)
    assert found["tangent"][:2] == (0, 0)
    assert found["tangent_alive"].samples == 0
    assert simulate(GRADIENT, 1 << 10, **frozen)["gradient"][:2] == (0, 0)


def test_long_horizon_in_single_precision() -> None:
    # At width 2 the direction is decided by then: P(A >= 2) is below 1 % and falling.
    found = simulate(CORRELATION, 1 << 12, width=2, depth=1440, time=60.0, correlation=0.3)
    assert_is(found["same"], 1 - found["different"].value - found["undecided"].value)
    assert found["undecided"].value < 0.01
    assert found["single"].value > 0.99
    assert 0.68 < found["same"].value < 0.81  # .74 by other programs; standard error .009


def test_records() -> None:
    found = simulate(TANGENT, width=2, depth=DEPTH, activation="linear", records=4)
    for record, at in enumerate(("@0.25", "@0.5", "@0.75", ""), start=1):
        assert_is(found[f"tangent_square{at}"], (1 + 1 / DEPTH) ** (2 * record))
    still = simulate(CORRELATION, width=2, depth=DEPTH, correlation=0.3, records=2, edges=EDGES)
    whole = simulate(CORRELATION, width=2, depth=DEPTH, correlation=0.3, edges=EDGES)
    for name in KINDS:
        if name != "moved":  # which looks back to the record before
            assert_same(still[name], whole[name])
    assert (
        still["moved"].value
        < whole["moved"].value
        < still["moved"].value + still["moved@0.5"].value
    )


def test_workers_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "DRAWS_PER_BLOCK", 1)  # blocks of one batch
    job = Job(TANGENT, Params(width=4, depth=DEPTH), 10_000)
    assert len(job.blocks()) == 3
    alone = core.run([job], SEED)
    assert core.run([job], SEED, map_blocks=engines.local(2)) == alone


def test_a_gradient_has_no_coarse_companion() -> None:
    assert simulate(GRADIENT, width=2, depth=DEPTH).keys() == set(GRADIENT_NAMES)


@pytest.mark.parametrize(
    ("experiment", "wrong", "message"),
    [
        (PRE_NORM, {"direction": "ones"}, "--direction has no meaning for pre_norm; leave it out."),
        (PRE_NORM, {"start": 0.0}, "--start must not be 0 for pre_norm"),
        (TANGENT, {"edges": (1.0,)}, "--edges has no meaning for tangent"),
        (JACOBIAN, {"width": 17}, "--width must be at most 16 for determinant or gradient with"),
        (JACOBIAN, {"correlation": 0.5}, "--correlation has no meaning for determinant"),
        (GRADIENT, {"records": 2}, "--records has no meaning for gradient by its exact law"),
        (GRADIENT, {"sampler": "explicit"}, "--sampler has no meaning for gradient by its exact"),
        (GRADIENT, {"depth": 10**7}, "--depth 10000000 is too much for a gradient at --width 4"),
        (CORRELATION, {"start": 1.0}, "--start has no meaning for correlation; leave it out."),
    ],
)
def test_options_without_meaning(
    experiment: Experiment, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Job(experiment, Params(**wrong), 1)
