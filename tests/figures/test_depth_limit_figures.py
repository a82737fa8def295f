"""What the figures show, read back from their axes.  The results are made up: nothing is simulated.

Oracles: formulas written out here, scipy's distributions, and the reference values of the notes on
the paper (n = 2 from its one-dimensional PDE).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import StepPatch
from scipy import stats

from figures import core, style
from figures.depth_limit import FIGURES, log_norm, neurons, plan, sign_map, width_one
from simulations import traces
from simulations.core import Job
from tests.figures.reading import Z, close, line, points
from tests.figures.results_depth_limit import active, drawn, log_ratio, made_up

TIMES = [k / 8 for k in range(1, 9)]
LOG_RATIO_TWO = -0.169641302123
ACTIVE_TWO = 1.30626511296


# --- width one ------------------------------------------------------------------------------------


def test_gbm_histogram_is_that_of_the_survivors() -> None:
    _, panels = drawn("width_one_gbm")
    middle = (width_one.LOGS[1:] + width_one.LOGS[:-1]) / 2
    mass = np.diff(stats.norm.cdf(width_one.LOGS, -0.5, 1))
    for ax, depth in zip(panels, (5, 50, 500), strict=True):
        (bars,) = [p for p in ax.patches if isinstance(p, StepPatch)]
        close(bars.get_data()[0], mass / 0.2, absolute=1e-5)  # counts are rounded
        ((x, y, half),) = points(ax)
        close(x, middle)
        close(y, mass / 0.2, absolute=1e-5)
        close(half, Z * np.sqrt(mass * (1 - mass) / 9e5) / 0.2, rel=0.3, absolute=1e-5)
        assert ax.get_title() == f"$L = {depth}$,  10.0% died out"


def test_gbm_curves_are_the_two_laws() -> None:
    _, panels = drawn("width_one_gbm")
    gaps = []
    for ax in panels:
        x, limit = line(ax, label=r"$N(-\frac{1}{2}, 1)$")
        close(limit, stats.norm.pdf(x, -0.5, 1), absolute=1e-4)  # a difference quotient
        x, exact = line(ax, label="exact at depth $L$")
        assert np.trapezoid(exact, x) == pytest.approx(1, abs=0.02)  # L = 5 goes on to the left
        gaps.append(np.abs(exact - limit).max())
    # The skewness of log Y_L, hence the gap, falls like L^{-1/2}.
    assert gaps[0] > 0.05
    assert gaps[1] < gaps[0] / 2
    assert gaps[2] < gaps[1] / 2


def test_ou_histogram_and_gaussians() -> None:
    _, (ax,) = drawn("width_one_ou")
    mass = np.diff(stats.norm.cdf(width_one.PLACES, 1, 0.5))
    for patch in [p for p in ax.patches if isinstance(p, StepPatch)]:
        close(patch.get_data()[0], mass / 0.1, absolute=1e-4)
    start = 0.46435076757453  # h^{-1}(1/2), reference value
    for t in (0.1, 0.5, 2.0):
        x, y = line(ax, label=f"$t = {t:g}$")
        variance = (1 - math.exp(-2 * t)) / 2
        close(y, stats.norm.pdf(x, start * math.exp(-t), math.sqrt(variance)), rel=1e-7)
    x, y = line(ax, label=r"$t = \infty$")
    close(y, stats.norm.pdf(x, 0, math.sqrt(0.5)))


# --- the log norm ---------------------------------------------------------------------------------


def test_paths_leave_out_the_frozen_one() -> None:
    _, panels = drawn("log_norm_paths")
    for ax in panels[:5]:
        assert ax.get_yscale() == "log"
        levels = [set(np.asarray(one.get_ydata()).tolist()) for one in ax.lines]
        assert levels == [{float(i)} for i in range(1, 9)]
        close(np.asarray(ax.lines[0].get_xdata()), np.linspace(0, 1, 126))


def test_mean_log_ratio_with_its_three_curves() -> None:
    _, panels = drawn("log_norm_paths")
    for ax, n in zip(panels[5:], (2, 3, 4, 6, 20), strict=True):
        ((t, y, half),) = points(ax)
        close(t, TIMES)
        close(y, [log_ratio(n, t) for t in TIMES])
        close(half, Z * 1e-3)
        grid, constant = line(ax, label="constant rate $r_n t$")
        close(constant, (0.25 / (1 - 0.5**n) - 1 / n) * grid)
        _, predicted = line(ax, label="predicted")
        assert predicted[0] == 0
        assert np.all(predicted[1:] < constant[1:])
        assert np.all(np.sign(predicted[1:]) == (-1 if n <= 3 else 1))
        low, high = ax.get_ylim()
        assert low < min(0, predicted.min()) <= max(0, predicted.max()) < high
    assert line(panels[5], label="predicted")[1][-1] == pytest.approx(LOG_RATIO_TWO, abs=1e-9)


def test_log_ratio_shows_the_gap_to_the_constant_rate() -> None:
    _, (left, right) = drawn("log_ratio")
    for k, n in enumerate((2, 3, 4, 6)):
        rate = 0.25 / (1 - 0.5**n) - 1 / n
        look = {"color": style.CYCLE[k], "linestyle": "-"}
        grid, predicted = line(left, **look)
        close(line(right, **look)[1], 1e3 * (predicted - rate * grid), absolute=1e-9)
        close(line(left, color=style.CYCLE[k], linestyle="--")[1], rate * grid)
        close(points(left)[k][1], [log_ratio(n, t) for t in TIMES])
        x, y, half = points(right)[k]
        close(y, [1e3 * (log_ratio(n, t) - rate * t) for t in TIMES], absolute=1e-9)
        close(half, Z)
        assert np.abs(x - TIMES).max() < 0.02
    ends = [float(line(left, color=c, linestyle="-")[1][-1]) for c in style.CYCLE[:4]]
    assert ends[0] == pytest.approx(LOG_RATIO_TWO, abs=1e-9)
    assert ends[1] < 0 < ends[2] < ends[3]
    assert [text.get_text() for text in left.texts] == ["$n = 2$", "$n = 3$", "$n = 4$", "$n = 6$"]


# --- neurons --------------------------------------------------------------------------------------


def test_active_share() -> None:
    _, panels = drawn("active_share")
    for ax, n in zip(panels, (2, 4, 10, 50), strict=True):
        ((t, y, half),) = points(ax)
        close(t, TIMES)
        close(y, [active(n, t) / n for t in TIMES])
        close(half, Z * 1e-3 / n)
        _, constant = line(ax, label="constant")
        close(constant, 0.5 / (1 - 0.5**n))
        _, predicted = line(ax, label="predicted")
        assert predicted[0] == pytest.approx(constant[0])
        assert np.all(np.diff(predicted) < 0)
    assert line(panels[0], label="predicted")[1][-1] == pytest.approx(ACTIVE_TWO / 2, abs=1e-9)


def test_gaussian_neurons_lie_on_the_diagonal() -> None:
    _, (left, right) = drawn("neuron_quantiles")
    for n in (2, 10, 100):
        gaussian, values = line(left, label=f"$n = {n}$")
        # Rounded counts: relative error 1/20 of the smallest tail, 10 samples, that is 0.02.
        close(gaussian, values, absolute=0.02)
        _, gap = line(right, label=f"$n = {n}$")
        close(gap, values - gaussian)


def test_neuron_bands_are_clopper_pearson_over_all_quantiles() -> None:
    edges = np.array([-1.0, 0.0, 1.0, 9.0])
    shown, gaussian, low, high = neurons.quantiles(edges, np.array([15, 40, 35, 10, 0]))
    assert shown.tolist() == [-1, 0, 1]  # nobody lies beyond 9
    for k, *found in zip((15, 55, 90), gaussian, low, high, strict=True):
        exact = stats.binomtest(k, 100).proportion_ci(1 - 0.001 / 4, "exact")
        close(found, math.exp(0.25) * stats.norm.ppf([k / 100, exact.low, exact.high]))


# --- sign map -------------------------------------------------------------------------------------


def test_sign_map_marks_what_is_certain() -> None:
    _, (ax, _) = drawn("sign_map", error=0.01)
    (mesh,) = ax.collections
    expected = np.array([[log_ratio(n, t) for n in range(1, 9)] for t in range(1, 9)])
    close(np.asarray(mesh.get_array()), expected)
    z = stats.norm.isf(0.0005 / 64)
    signs = np.where(expected > 0, "+", "\N{MINUS SIGN}")
    signs[np.abs(expected) < z * 0.01] = "?"
    assert {"+", "\N{MINUS SIGN}", "?"} == set(signs.ravel())
    found = {(text.get_position()): text.get_text() for text in ax.texts}
    assert found == {(n, t): signs[t - 1, n - 1] for t in range(1, 9) for n in range(1, 9)}
    assert np.asarray(mesh.to_rgba(np.array([-4.0, 0.0, 4.0])))[1].min() > 0.99  # zero is white


def test_zero_line_is_interpolated() -> None:
    values = np.array([[-1.0, -0.5, 3.0], [-2.0, 0.5, 3.0]])
    x, t = sign_map.zero_line(np.array([1.0, 2.0]), values)
    assert t[0] == 0.5
    assert t[-1] == 2.5
    # 1600 steps over two units of time
    assert set(x[t < 1.498]) == {2.5}
    assert set(x[t > 1.502]) == {1.5}


# --- all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_other_kinds_of_files_too(kind: str, start: bytes, tmp_path: Path) -> None:
    (drawing,) = width_one.FIGURES[1:]
    results = {job: made_up(job) for job in drawing.jobs}
    first, second = (tmp_path / f"{k}.{kind}" for k in "ab")
    for file in (first, second):
        style.save(drawing.picture(results), file, drawing.name, drawing.caption)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(start)


def test_names_are_unique_and_a_run_is_planned_once() -> None:
    every = [d for subject in core.SUBJECTS for d in core.drawings(subject)]
    assert max(Counter(d.name for d in every).values()) == 1
    jobs = {job for d in every for job in d.jobs}
    assert len({(job.experiment.name, job.params) for job in jobs}) == len(jobs)
    assert all(job.blocks() for job in jobs)


def test_the_style_is_ours_whatever_the_user_has_set(tmp_path: Path) -> None:
    import matplotlib

    drawing = FIGURES[0]
    results = {job: made_up(job) for job in drawing.jobs}
    style.save(drawing.picture(results), tmp_path / "a.svg", "", "")
    with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "none", "lines.linewidth": 9}):
        style.save(drawing.picture(results), tmp_path / "b.svg", "", "")
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def _tiny(jobs: Sequence[Job]) -> list[Job]:
    return [Job(job.experiment, job.params, 12) for job in jobs]


def test_a_simulation_yields_what_the_figures_read() -> None:
    """One width of each experiment; two compilations."""
    from simulations.core import run

    network, paths = _tiny([plan.standard(2), log_norm._traces[0]])
    of_network, of_paths = run([network, paths], seed=1)
    times, found = plan.over_time(network, of_network, "log_ratio_limit")
    assert times == TIMES
    assert len({e.value for e in found}) == 8
    plan.over_time(network, of_network, "active_count_limit")
    edges, counts = plan.neuron(of_network)
    close(edges, plan.EDGES)
    assert counts.sum() == 12
    kept = traces.trajectories(of_paths, paths.params)
    assert kept.shape == (12, paths.params.points + 1)
    assert np.all(kept >= 0)
