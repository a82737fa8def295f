"""What the figures of commuting limits show, read back from their axes; the results are made up.

Oracles: formulas written out here, scipy's distributions, and reference values of the notes on the
paper (25-digit Taylor series, Monte Carlo with its error).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.patches import StepPatch
from scipy import stats

from figures import style
from figures.commutation import FIGURES, flow, laws, plan, sizes
from simulations.commutation import PATHS
from simulations.core import Estimate, Job, run
from tests.figures.reading import Z, close, line, points
from tests.figures.results_commutation import ERROR, GROUPS, drawn

STUDENT = stats.t.isf(0.0005, GROUPS - 1)  # 99.9 %, two-sided


# --- sizes ----------------------------------------------------------------------------------------


def test_map_shows_the_spread_of_the_log_kernel() -> None:
    _, (left, right, bar) = drawn("width_depth_map")
    n, depth = np.meshgrid(sizes.SIZES, sizes.SIZES, indexing="ij")
    for ax, expected in ((left, np.sqrt(5 / n)), (right, np.sqrt(6 * depth / n))):
        (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
        found = np.ma.getdata(mesh.get_array())
        hidden = np.ma.getmaskarray(mesh.get_array())
        dead = (n == 5) & (depth > 100) & (ax is right)
        assert np.array_equal(hidden, dead)
        close(found[~dead], expected[~dead])
        assert mesh.norm.vmin == 0.1  # the same scale on both sides
        texts = {t.get_position(): t.get_text() for t in ax.texts}
        assert texts[5.5, 0.5] == ("dead" if ax is right else "1.0")
        assert texts[0.5, 5.5] == ("0.27" if ax is right else "0.11")
    # The widest interval is that of the smallest variance, 5/400.
    widest = STUDENT * ERROR / (2 * 5 / 400)
    assert rf"$\pm{100 * widest:.0f}$% at most" in bar.get_ylabel()


def test_error_rates_against_first_orders() -> None:
    _, (left, right) = drawn("error_rates")
    n = np.array(sizes.SIZES)
    for k, (constant, limit, value, spread) in enumerate(
        (
            (12.708869908, math.exp(0.5), 1.5 + 1 / n, 10 / n),
            (6.002, 0.631372299, 0.3 + 1 / 3 + 0 * n, 5 / n),  # V to 5 standard errors of 0.009
        )
    ):
        x, y = line(left, color=style.CYCLE[k], marker="None", linestyle="-")
        close(y, np.sqrt(constant / x), rel=5 * 0.009 / 6 / 2 if k else 1e-6)
        at, found, half = points(left)[k]
        bias = value - limit
        close(at, n)
        close(found, np.sqrt(spread + bias**2), rel=1e-8)
        # delta method: d error = (d variance / 2 + bias d mean) / error
        parts = STUDENT * ERROR / n / 2, Z * ERROR * bias
        close(half, np.hypot(*parts) / found, rel=1e-7)
    dots = {k: _dots(right, style.CYCLE[k]) for k in (0, 1)}
    assert dots[0][1000] == pytest.approx(1.6487212707001 - 1.6485152620838, rel=1e-8)
    assert dots[1][1000] == pytest.approx(0.631372299 - 0.63124346158352, abs=1e-9)
    _, slope = line(right, color=style.CYCLE[1], linestyle="-")
    assert 1000 * slope[-1] == pytest.approx(0.12889, abs=1e-5)


def _dots(ax: Axes, color: str) -> dict[int, float]:
    (one,) = [x for x in ax.lines if x.get_color() == color and x.get_marker() == "."]
    pairs = zip(np.asarray(one.get_xdata()), np.asarray(one.get_ydata()), strict=True)
    return {int(x): float(y) for x, y in pairs}


def test_student_intervals_of_few_groups() -> None:
    found = plan.variance({"x": Estimate(2.0, 0.1, GROUPS)}, "x")
    assert found.value == 2
    assert style.Z * found.stderr == pytest.approx(STUDENT * 0.1)


# --- flow -----------------------------------------------------------------------------------------


def test_paths_and_their_band() -> None:
    _, axes = drawn("kernel_paths")
    variance = {"aa": 12.708869908, "ab": 6.002}
    for k, ax in enumerate(axes):
        pair, n = ("aa", "ab")[k // 3], flow.PATH_WIDTHS[k % 3]
        t, limit = line(ax, color=style.PREDICTED)
        end = math.exp(0.5) if pair == "aa" else 0.631372299
        assert limit[-1] == pytest.approx(end, abs=1e-8)
        (band,) = [c for c in ax.collections if isinstance(c, PolyCollection) and c.get_alpha()]
        corners = np.asarray(band.get_paths()[0].vertices)
        high = corners[corners[:, 0] == 1][:, 1].max()
        assert high - end == pytest.approx(math.sqrt(variance[pair] / n), rel=0.004)
        high = corners[corners[:, 0] == 0][:, 1].max()
        start = (1, 2) if pair == "aa" else (0.3, 1.09)
        assert high - start[0] == pytest.approx(math.sqrt(start[1] / n), rel=1e-9)
        assert t[0] == 0
        single = [x for x in ax.lines if x.get_color() == "0.5"]
        assert [len(np.asarray(x.get_xdata())) for x in single] == [16, 32, 32, 32]
        at = np.arange(1, 9) / 8
        mean = 1 + at / 2 + 1 / n if pair == "aa" else 0.3 + at / 3
        spread = np.sqrt(((9 if pair == "aa" else 4) + at) / n)
        for (x, y, half), expected in zip(
            points(ax), (mean, mean + spread, mean - spread), strict=True
        ):
            close(x, at)
            close(y, expected)
            if expected is mean:
                close(half, Z * ERROR)
            else:
                close(half, np.hypot(STUDENT * ERROR / n / (2 * spread), Z * ERROR))


def test_the_interpolated_variance() -> None:
    """Between its nodes, at t = 1/2: within half a percent of the variance itself."""
    from theory import commutation as theory

    exact = theory.fluctuations(1.0, 1.0, 0.3, 0.5).covariance[2, 2]
    assert flow.variances()["ab"][flow.GRID == 0.5] == pytest.approx(exact, rel=0.005)


def test_correlations_and_their_asymptote() -> None:
    _, (left, right) = drawn("correlation_flow")
    at_one = {-0.9: -0.523595037732735246, 0.0: 0.141347677050048273, 0.9: 0.904603344918947842}
    for k, c in enumerate(flow.STARTS):
        t, y = line(left, color=style.CYCLE[k], linestyle="-", marker="None")
        assert y[0] == pytest.approx(c, abs=1e-15)
        if c in at_one:
            close(y[t == 1], at_one[c])
        close(points(left)[k][0], np.arange(1, 9) / 2)
        close(points(left)[k][1], 0.3 + np.arange(1, 9) / 80)
        if c == 0.3:
            late, gap = line(right, color=style.CYCLE[k])
            close(gap[np.isclose(late, 100)], 0.013105628163535, rel=1e-10)
    t, y = line(right, linestyle="--")
    close(y, 18 * math.pi**2 / t**2)


def test_only_one_exponent_has_a_limit_of_its_own() -> None:
    _, (ax,) = drawn("branch_exponents")
    for k, gamma in enumerate(flow.GAMMAS):
        depth, y = line(ax, color=style.CYCLE[k], linestyle="-", marker="None")
        close(y, (1 + depth ** (-2 * gamma) / 2) ** depth)
        close(points(ax)[k][1], 1.5 + 1 / 170)
    assert line(ax, color=style.CYCLE[0], linestyle="-")[1][-1] == pytest.approx(5.2268, abs=1e-4)


# --- laws -----------------------------------------------------------------------------------------


def test_neurons_against_their_limit() -> None:
    _, axes = drawn("neuron_laws")
    scales = 2 * [math.exp(0.25)] + 2 * [math.sqrt(2 * (1.6487212707 - 0.631372299))]
    for above, below, scale in zip(axes[:4], axes[4:], scales, strict=True):
        x, y = line(above, color=style.PREDICTED)
        close(y, stats.norm.pdf(x, 0, scale), rel=1e-7)
        edges = scale * laws.BINS
        mass = np.diff(stats.norm.cdf(edges, 0, math.exp(0.25)))  # what is made up
        (bars,) = [p for p in above.patches if isinstance(p, StepPatch)]
        close(bars.get_data()[0], mass / np.diff(edges), absolute=1e-5)
        ((_, ratio, half),) = points(below)
        limit = np.diff(stats.norm.cdf(laws.BINS))
        close(ratio, mass / limit, rel=1e-3)
        close(half, Z * np.sqrt(mass * (1 - mass) / 1e6) / limit, rel=1e-3)


def test_log_kernels_against_normal_laws() -> None:
    _, (left, right) = drawn("log_kernel_laws")
    (residual, perceptron) = [x for x in left.lines if x.get_color() == style.PREDICTED]
    x, y = np.asarray(perceptron.get_xdata()), np.asarray(perceptron.get_ydata())
    close(y, stats.norm.pdf(x, -2.5521218942759, math.sqrt(5.2142005480992)), rel=1e-9)
    x, y = np.asarray(residual.get_xdata()), np.asarray(residual.get_ydata())
    # log q + (B/q - v/2)/n, v/n, with their corrections of relative order 1/L = 1%
    mean, deviation = 0.5 + (0.19983 / 1.64872 - 4.675334 / 2 - 0.125) / 100, 0.0467533**0.5
    assert x[np.argmax(y)] == pytest.approx(mean, abs=0.5 * 2 / 300 + 1e-3)
    assert y.max() == pytest.approx(stats.norm.pdf(0, 0, deviation), rel=0.01)
    assert line(right, color=style.PREDICTED)[1].max() == y.max()


# --- shaped ---------------------------------------------------------------------------------------


def test_shaped_networks_and_their_limit() -> None:
    _, (left, right) = drawn("shaped_limit")
    at_one = ((0.53884, 0.49623), (0.24071, 0.49288))
    for k, (mean, second) in enumerate(at_one):
        t, y = line(left, color=style.CYCLE[k], linestyle="-")
        assert y[0] == pytest.approx(0.3, abs=1e-12)
        assert y[t == 1] == pytest.approx(mean, abs=1e-5)
        color = style.CYCLE[k]
        low, high = (x for x in left.lines if (x.get_linestyle(), x.get_color()) == (":", color))
        spread = math.sqrt(second - mean**2)
        assert np.asarray(low.get_ydata())[t == 1] == pytest.approx(mean - spread, abs=2e-5)
        assert np.asarray(high.get_ydata())[t == 1] == pytest.approx(
            min(mean + spread, 1), abs=2e-5
        )
        close(points(left)[k][0], [8 * (140 * i // 8) / 280 for i in range(1, 9)])
    ratio, exact = line(right, color=style.CYCLE[2], linestyle="-")
    close(np.diff(exact) / np.diff(ratio), 5 + 19.4 / 70, rel=2e-3)  # at n = 100: 5.194
    ratio, limit = line(right, color=style.CYCLE[0], linestyle="-")
    close(limit - 2 * ratio, 2 / 70, rel=0.05)  # psi_1(n/2) = 2/n + 2/n^2
    close(line(right, color=style.CYCLE[3], linestyle="-")[1], 4.675334078407 / 70, rel=1e-4)
    perceptron, some, residual = points(right)
    close(perceptron[1], 6 * perceptron[0])
    close(some[1], 6 * some[0])
    close(residual[1], 5 / 70)


# --- all ------------------------------------------------------------------------------------------


def test_the_runs_are_cheap_and_share_compiled_code() -> None:
    jobs = {job for d in FIGURES for job in d.jobs}
    normals = sum(j.samples * j.params.width * j.params.depth * j.params.columns for j in jobs)
    assert normals < 3.5e9  # half a minute
    assert len({job.experiment.code(job.params) for job in jobs}) < 20


def test_the_simulations_yield_what_the_figures_read() -> None:
    """Width 5, one residual network and one perceptron: two compilations."""
    many = replace(laws._neurons[2].params, width=5, depth=9, records=4)
    critical = plan.mlp(5, 12)
    jobs = [
        Job(PATHS, many, 64),
        Job(PATHS, many, 1),
        Job(PATHS, critical.params, 256),
    ]
    found, single, perceptron = run(jobs, seed=1)
    times, correlations = plan.over_time(many, found, "correlation")
    assert times == pytest.approx([2 / 9, 4 / 9, 6 / 9, 1])
    assert len({e.value for e in correlations}) == 4
    assert plan.error(found, 5, "ab", 0.63).value > 0
    assert plan.deviation(found, 5, "aa", plan.recorded(many)[0][0]).value > 0
    assert len(laws._law(found).counts) == len(laws.BINS) + 1
    assert all(e.samples == 1 for e in plan.over_time(many, single, "q_ab")[1])
    assert plan.variance(perceptron, "var_log_q").samples == 4
