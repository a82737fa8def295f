"""Kernel sums, bandwidths and the local index at a user's data, against literal sums."""

from __future__ import annotations

import math
import pickle
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.special import digamma, logsumexp
from scipy.stats import gaussian_kde, norm

from simulations import core
from simulations.arrays import NOTHING, Held
from simulations.kernel_density import bandwidths, coordinates, files, local_index
from simulations.kernel_density.diagnose import (
    Answers,
    DataParams,
    answers,
    with_bandwidth,
)
from simulations.kernel_density.diagnosis import scatter
from simulations.kernel_density.evaluate import kernel_sums, log_density
from theory.kernel_density import finite_index
from theory.kernel_density import local_index as index_of_theory

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(7)
EPS = np.finfo(float).eps
Z = norm.isf(0.5e-6 / 10)
"""Two-sided 1e-6 for ten normal statistics together: 5.3."""

core.setup()


def literal(x: Array, y: Array, h: float, skip: Array | None = None) -> dict[str, Array]:
    """All sums from the full matrix of directly computed distances, by scipy's log-sum-exp."""
    r2 = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
    if skip is not None:
        r2[np.arange(len(x)), skip] = np.inf
    logs = -r2 / (2 * h * h)
    total = logsumexp(logs, axis=1)
    p = np.exp(logs - total[:, None])
    return {
        "log_sum": total,
        "y2": np.sum(p**2, axis=1),
        "largest": p.max(axis=1),
        "moment": np.sum(p * np.where(np.isfinite(r2), r2, 0), axis=1),
        "nearest": np.sort(r2, axis=1),
    }


def everything(d: int, y: Array, h: float, blocks: int, leave_out: bool) -> None:
    n = len(y)
    x = y[: min(n, 70)] if leave_out else RNG.standard_normal((70, d))
    skip = np.arange(len(x)) if leave_out else None
    edges = np.linspace(0, n, blocks + 1).astype(int)
    parts = [(a, y[a:b]) for a, b in pairwise(edges) if b > a]
    found = kernel_sums(x, parts, [h, 3 * h], skip, 6)
    for i, bandwidth in enumerate((h, 3 * h)):
        said = literal(x, y, bandwidth, skip)
        # (d + 2) eps for the squares, times their size over 2 h^2 in the exponent.
        tolerance = 8 * EPS * (d + 2) * (1 + said["nearest"][:, 0] / (2 * bandwidth**2)) + 1e-13
        assert np.all(np.abs(found.log_sum[i] - said["log_sum"]) <= tolerance)
        for name in ("y2", "largest", "moment"):
            assert getattr(found, name)[i] == pytest.approx(said[name], rel=1e-11), name
    near = said["nearest"][:, : min(6, n)]
    assert found.nearest[:, : near.shape[1]] == pytest.approx(near, rel=1e-13)
    assert np.all(found.nearest[:, n:] == np.inf)
    assert np.all(found.points == n - leave_out)


@pytest.mark.parametrize(("d", "n", "blocks"), [(1, 3000, 3), (20, 700, 2), (45, 300, 1)])
def test_sums_are_those_of_the_literal_distances(d: int, n: int, blocks: int) -> None:
    y = RNG.standard_normal((n, d))
    everything(d, y, 0.3 * math.sqrt(d) / 3, blocks, leave_out=False)
    everything(d, y, 0.3 * math.sqrt(d) / 3, blocks, leave_out=True)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_points(n: int) -> None:
    everything(20, RNG.standard_normal((n, 20)), 0.8, 1, leave_out=False)
    if n > 1:
        everything(20, RNG.standard_normal((n, 20)), 0.8, 1, leave_out=True)
    else:
        with pytest.raises(ValueError, match="no point is left"):
            kernel_sums(np.zeros((1, 20)), [(0, np.zeros((1, 20)))], [1.0], np.array([0]))


def test_only_the_logarithm_is_summed_on_demand() -> None:
    y = RNG.standard_normal((300, 20))
    found = kernel_sums(y[:5], [(0, y)], [0.7], shares=False)
    assert found.log_sum[0] == pytest.approx(literal(y[:5], y, 0.7)["log_sum"], rel=1e-14)
    assert np.all(np.isnan(found.y2))
    assert found.nearest.shape == (5, 0)


def test_a_cluster_far_from_the_origin_keeps_its_digits() -> None:
    # Exactly representable points 2^20 away, at distances of 2^-10: h of the same size.
    y = 2.0**20 + RNG.integers(-8, 9, (40, 3)) * 2.0**-10
    h = 2.0**-9
    found = kernel_sums(y[:4], [(0, y)], [h], np.arange(4))
    with mpmath.workdps(40):
        for i in range(4):
            squares = [
                sum((mpmath.mpf(float(a)) - mpmath.mpf(float(b))) ** 2 for a, b in zip(y[i], z))  # noqa: B905
                for j, z in enumerate(y)
                if j != i
            ]
            exact = mpmath.log(sum(mpmath.exp(-s / (2 * mpmath.mpf(h) ** 2)) for s in squares))
            assert found.log_sum[0, i] == pytest.approx(float(exact), rel=4 * EPS)
    norms = np.sum(y * y, axis=1)
    product = norms[:4, None] + norms - 2 * y[:4] @ y.T
    assert np.max(np.abs(product - literal(y[:4], y, h)["nearest"][:, ::-1])) > 10 * h * h


def test_the_ends_of_the_bandwidth() -> None:
    y = RNG.standard_normal((50, 20))
    x = RNG.standard_normal((3, 20))
    for h in (1e-90, 1e90):
        found = kernel_sums(x, [(0, y)], [h], neighbours=1)
        if h > 1:
            assert found.log_sum[0] == pytest.approx(math.log(50), rel=1e-15)
            assert found.y2[0] == pytest.approx(1 / 50)
        else:
            assert found.log_sum[0] == pytest.approx(-found.nearest[:, 0] / (2 * h * h), rel=1e-14)
            assert found.y2[0] == pytest.approx(1)
            assert found.moment[0] == pytest.approx(found.nearest[:, 0])


def test_whitened_density_is_that_of_gaussian_kde() -> None:
    d, n = 20, 400
    turn, _ = np.linalg.qr(RNG.standard_normal((d, d)))
    y = RNG.standard_normal((n, d)) * np.linspace(0.1, 2, d) @ turn + 5
    x = y[:30] + RNG.standard_normal((30, d))
    kde = gaussian_kde(y.T)
    p = with_bandwidth(Held([y]), Held([x]), "scott", True)
    assert p.bandwidth == pytest.approx(kde.factor, rel=1e-14)
    assert answers(p, np.arange(30)).log_density == pytest.approx(kde.logpdf(x.T), rel=1e-10)
    silver = with_bandwidth(Held([y]), Held([x]), "silverman", True).bandwidth
    assert silver == pytest.approx(gaussian_kde(y.T, "silverman").factor, rel=1e-14)


def test_whitening_leaves_out_what_does_not_vary() -> None:
    y = RNG.standard_normal((500, 3))
    whole = np.column_stack([y, np.full(500, 7.1), y[:, 0] - 2 * y[:, 1], 1e-3 * y[:, 2]])
    f = coordinates.frame(Held([whole]), True)
    assert f.dimension == 3
    assert f.constant == (4,)
    z = f.of(whole)
    assert np.cov(z.T) == pytest.approx(np.eye(3), abs=1e-12)
    # The map from y to the subspace stretches volumes by sqrt(det(B^T B)).
    b = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, -2, 0], [0, 0, 1e-3]])
    volume = np.linalg.slogdet(b.T @ b)[1] / 2
    plain = coordinates.frame(Held([y]), True).log_jacobian
    assert f.log_jacobian == pytest.approx(plain - volume, rel=1e-9)


def test_whitening_needs_points() -> None:
    with pytest.raises(ValueError, match="5 points span 4 dimensions"):
        coordinates.frame(Held([RNG.standard_normal((5, 9))]), True)


def test_moments_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    y = 1e6 + RNG.standard_normal((1000, 5)) * [1, 1e-3, 2, 3, 1]
    monkeypatch.setattr(files, "BLOCK_BYTES", 8 * 5 * 77)
    found = coordinates.spread(Held([y]), True)
    # A mean is right to 1e6 eps = 1e-10, 1e-7 of the least deviation.
    deviation = y.std(axis=0)
    gap = np.abs(found.covariance - np.cov(y.T)) / np.outer(deviation, deviation)
    assert np.max(gap) < 1e-6
    assert found.mean == pytest.approx(y.mean(axis=0), rel=1e-14)


def leave_one_out(y: Array, h: float) -> float:
    said = literal(y, y, h, np.arange(len(y)))["log_sum"]
    n, d = y.shape
    return float(said.mean() - math.log(n - 1) - d / 2 * math.log(2 * math.pi * h * h))


@pytest.mark.parametrize(("d", "n", "spread"), [(20, 150, 1.0), (1, 250, 1e3)])
def test_bandwidth_of_largest_likelihood(d: int, n: int, spread: float) -> None:
    y = spread * RNG.standard_normal((n, d))
    found = bandwidths.likelihood(Held([y]), False)
    best = optimize.minimize_scalar(
        lambda log_h: -leave_one_out(y, math.exp(log_h)),
        bracket=[math.log(found.bandwidth) + shift for shift in (-0.2, 0.2)],
        options={"xtol": 1e-9},
    )
    # A parabola's minimum is found to sqrt(eps) of its width.
    assert found.bandwidth == pytest.approx(math.exp(best.x), rel=1e-6)
    assert found.log_density == pytest.approx(-best.fun, rel=1e-12)
    moment = literal(y, y, found.bandwidth, np.arange(n))["moment"].mean() / d
    assert moment == pytest.approx(found.bandwidth**2, rel=1e-8)
    values = [value for _, value in found.history]
    assert all(b >= a - 1e-12 * abs(a) for a, b in pairwise(values))
    assert found.passes < 20


def test_climb_takes_the_plain_step_where_the_secant_lowers_the_likelihood() -> None:
    # Steps of 0.1 that hardly change, so that the secant leaps beyond the maximum at h = 1.
    asked = []

    def evaluate(h: float) -> tuple[float, float]:
        x = math.log(h)
        asked.append(x)
        gap = 0.1 if x < -0.5 else -0.2 * x
        return (-(x**2) if x <= 0 else -1e3 * x), math.exp(2 * (x + gap))

    start = math.exp(-2.0)
    found = bandwidths.climb(evaluate, start, evaluate(start), 1e-9)
    values = [value for _, value in found.history]
    assert values == sorted(values)
    assert max(asked) > 0.5
    assert found.bandwidth == pytest.approx(1, abs=1e-8)
    assert found.passes == len(asked)


def test_copies_of_every_point_have_no_best_bandwidth() -> None:
    y = RNG.standard_normal((60, 20))
    with pytest.raises(ValueError, match="every point has an exact copy"):
        bandwidths.likelihood(Held([np.repeat(y, 2, axis=0)]), False)
    some = bandwidths.likelihood(Held([np.concatenate([y, y[:6]])]), False)
    assert some.copies == 12
    assert some.bandwidth < bandwidths.likelihood(Held([y]), False).bandwidth
    with pytest.raises(ValueError, match="all 5 points are equal"):
        bandwidths.likelihood(Held([np.ones((5, 20))]), False)
    with pytest.raises(ValueError, match="only one"):
        bandwidths.likelihood(Held([np.ones((1, 20))]), False)


def test_rules() -> None:
    assert bandwidths.rule("scott", 1000, 20, 2.0) == pytest.approx(2 * 1000 ** (-1 / 24))
    expected = (1000 * 22 / 4) ** (-1 / 24)
    assert bandwidths.rule("silverman", 1000, 20, 1.0) == pytest.approx(expected)


@pytest.mark.parametrize("spacings", [2, 3, 4])
def test_weights_have_no_bias_of_second_order(spacings: int) -> None:
    w = local_index.weights(spacings)
    assert w.weights.sum() == pytest.approx(1)
    assert w.weights @ digamma(np.arange(1, spacings + 1)) == pytest.approx(0, abs=1e-14)
    assert np.all(w.weights > 0)

    # E log X = int (e^-t - E e^-tX) / t dt.
    def gap(t: float) -> float:
        return float((math.exp(-t) - 1 / np.prod(1 + t * w.weights)) / t)

    parts = [integrate.quad(gap, *ends, epsabs=1e-11)[0] for ends in [(0, 1), (1, np.inf)]]
    assert w.log_mean == pytest.approx(sum(parts), abs=1e-8)
    x = RNG.exponential(size=(200_000, spacings)) @ w.weights
    assert abs(np.log(x).mean() - w.log_mean) < Z * np.log(x).std() / math.sqrt(len(x))
    for end, level in zip(w.interval, (0.025, 0.975), strict=True):
        error = math.sqrt(level * (1 - level) / len(x))
        assert abs(np.mean(x < end) - level) < Z * error


def test_index_is_exact_for_a_quadratic_law() -> None:
    # g(l) = 3 + l/2 + l^2/40 at l = log G_k is E k (g_(k+1) - g_k) = 1/2 + psi(k)/20, exactly.
    level = np.log(np.cumsum(RNG.exponential(size=(200_000, 5)), axis=1))
    a = local_index.inverse_index(3 + level / 2 + level**2 / 40, math.sqrt(0.5))
    assert abs(a.mean() - 0.5) < Z * a.std() / math.sqrt(len(a))
    hill = np.mean(np.arange(1, 5) * np.diff(level / 2 + level**2 / 40, axis=1), axis=1)
    assert abs(hill.mean() - 0.5) > 10 * hill.std() / math.sqrt(len(hill))  # the mutant


def pooled(a: Answers, h: float) -> tuple[float, float]:
    index = local_index.index(a.inverse)
    log_dimension = np.log(index * a.scale / h**2)
    return float(np.exp(np.log(index).mean())), float(np.exp(log_dimension.mean()))


def test_index_of_normal_data_is_that_of_the_exact_law() -> None:
    # Means over queries of one data set: 500 queries, each to within 0.62 of its index, overlap
    # little; bias 4 %.  Together 0.04 + 6 * 0.7 / sqrt(500) of the logarithm.
    n, d, h = 2000, 20, 0.8
    p = DataParams(table=Held([RNG.standard_normal((n, d))]), bandwidth=h)
    found, dimension = pooled(answers(p, np.arange(0, n, 4)), h)
    exact = finite_index(d, n - 1, h)
    assert abs(math.log(found / exact.index)) < 0.23
    assert abs(math.log(dimension / exact.dimension)) < 0.23
    assert float(index_of_theory(h, exact.nearest, exact.dimension)) == pytest.approx(exact.index)


def test_index_of_few_points_and_ties() -> None:
    near = np.array([[1.0, 2, 3, np.inf, np.inf], [1, np.inf, np.inf, np.inf, np.inf], [4.0] * 5])
    found = local_index.inverse_index(near, 1.0)
    assert found[0] == pytest.approx(local_index.weights(2).weights @ [0.5, 1.0])
    assert np.isnan(found[1])
    assert found[2] == 0
    assert local_index.index(found)[2] == math.inf


@pytest.mark.parametrize(("d", "n", "h"), [(20, 1000, 0.75), (10, 1000, 2.0)])
def test_scatter_over_data_sets(d: int, n: int, h: float) -> None:
    r2 = RNG.noncentral_chisquare(d, d, size=(400, n))
    logs = -r2 / (2 * h * h)
    total = logsumexp(logs, axis=1)
    y2 = float(np.exp(logsumexp(2 * logs, axis=1) - 2 * total).mean())
    said = scatter(finite_index(d, n, h).index, y2, n)
    # Standard deviation of 400: 3.5 % if normal, more for heavier tails; the law itself 5 %.
    assert said == pytest.approx(total.std(), rel=0.4)
    assert scatter(0.9, 0.1, n) is scatter(1.5, 0.1, n) is None


def test_a_large_file_is_mapped_and_memory_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, d = 200_000, 20
    path = tmp_path / "large.npy"
    np.save(path, RNG.standard_normal((n, d), dtype=np.float32))
    monkeypatch.setattr(files, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(files, "HELD_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        table = files.read_points("--data", str(path))
        p = DataParams(table=table, bandwidth=0.7)
        found = answers(p, np.arange(3))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(table, files.Mapped)
    assert peak < 12 << 20  # the file has 16 MB, as float64 32
    y = np.load(path).astype(np.float64)
    for i in range(3):
        said = literal(y[i : i + 1], y, 0.7, np.array([i]))["log_sum"]
        scale = math.log(n - 1) + d / 2 * math.log(2 * math.pi * 0.7**2)
        assert found.log_density[i] == pytest.approx(float(said[0]) - scale, rel=1e-13)
    again = pickle.loads(pickle.dumps(table))
    assert again == table == str(Held([np.load(path)]))
    assert len(pickle.dumps(table)) < 1000
    files._opened.cache_clear()
    np.save(path, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="is not the file that it was"):
        pickle.loads(pickle.dumps(table))


def test_small_files_are_held_in_their_own_type(tmp_path: Path) -> None:
    for dtype in ("float32", "int16", "uint8", ">f8"):
        y = np.arange(12).reshape(4, 3).astype(dtype)
        np.save(tmp_path / "y.npy", np.asfortranarray(y))
        table = files.read_points("--data", str(tmp_path / "y.npy"))
        assert not isinstance(table, files.Mapped)
        assert table.arrays[0].dtype == y.dtype
        assert np.array_equal(files.rows(table, np.array([2])), [[6.0, 7, 8]])


def test_one_point_with_queries_is_a_single_kernel() -> None:
    y, x = np.array([[1.0, 2.0]]), np.array([[1.0, 3.0], [1.0, 2.0]])
    p = with_bandwidth(Held([y]), Held([x]), 0.5, False)
    a = answers(p, np.arange(2))
    expected = norm.logpdf([[0, 1], [0, 0]], scale=0.5).sum(axis=1)
    assert a.log_density == pytest.approx(expected, rel=1e-14)
    assert np.all(a.y2 == 1)
    assert np.all(np.isnan(a.inverse))
    assert p.optimum == 0
    with pytest.raises(ValueError, match="give --queries"):
        with_bandwidth(Held([y], source="y.npy"), NOTHING, 0.5, False)


def test_sample_of_rows_depends_on_the_data_alone() -> None:
    table = Held([RNG.standard_normal((500, 2))])
    assert np.array_equal(bandwidths.sample(table, 500), np.arange(500))
    chosen = bandwidths.sample(table, 50)
    assert np.array_equal(chosen, bandwidths.sample(Held([table.arrays[0].copy()]), 50))
    assert len(set(chosen)) == 50


@pytest.mark.slow
def test_leave_one_out_bandwidth_of_normal_data() -> None:
    # Sheet, sections 5.5 and 7: 0.86446 for 999 points; sd 0.0053 each, bias about -0.001.
    found = [
        bandwidths.likelihood(Held([RNG.standard_normal((1000, 20))]), False).bandwidth
        for _ in range(20)
    ]
    assert abs(np.mean(found) + 0.001 - 0.86446) < Z * 0.0053 / math.sqrt(20)
    assert 0.002 < np.std(found) < 0.011


def test_density_in_the_units_of_the_data() -> None:
    y = RNG.standard_normal((300, 20))
    x = Held([y[:9] * 3])
    plain = answers(with_bandwidth(Held([y]), Held([y[:9]]), 0.5, False), np.arange(9))
    wide = answers(with_bandwidth(Held([3 * y]), x, 1.5, False), np.arange(9))
    assert wide.log_density == pytest.approx(plain.log_density - 20 * math.log(3), rel=1e-13)
    assert wide.inverse == pytest.approx(plain.inverse, rel=1e-12)
    sums = kernel_sums(y[:9], [(0, y)], [0.5])
    assert log_density(sums, [0.5], 20)[0] == pytest.approx(plain.log_density)
