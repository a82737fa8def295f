"""Figures of the claims beyond the paper, read back from their axes; nothing is simulated.

Oracles: formulas written out here, and reference values of the notes on the paper (other
implementations of the same mathematics).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from scipy import stats

from figures import style
from figures.depth_limit import every_width, long_horizon, maps, sign_map
from simulations.core import Estimate, Job, Law, run
from tests.figures.reading import Z, close, line, points
from tests.figures.results_depth_limit import drawn, log_ratio, made_up

RATES = {n: 0.25 / (1 - 0.5**n) - 1 / n for n in every_width.WIDTHS}
LOG_RATIOS = {
    2: -0.1696413,
    3: -0.0502153,
    4: 0.0144741,
    6: 0.0856488,
    10: 0.1491405,
    20: 0.1994027,
}


def tangent_rate(n: int) -> float:
    return (n - 2) / (4 * n) / (1 - 0.5**n)


# --- every width ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_width_and_its_distance_from_the_constant_rate() -> None:
    _, (left, right) = drawn("every_width")
    n, constant = line(left, label="constant rate $r_n$")
    assert tuple(n) == every_width.WIDTHS
    close(constant, [RATES[k] for k in n])
    _, predicted = line(left, label="predicted")
    found = dict(zip(n, predicted, strict=True))
    for k, value in LOG_RATIOS.items():
        assert found[k] == pytest.approx(value, abs=1e-6)
    assert np.all(np.sign(predicted) == np.where(n <= 3, -1, 1))
    close(line(right, label="predicted")[1], 1e3 * (predicted - constant))
    ((x, y, half),) = points(left)
    close(x, n)
    close(y, [log_ratio(k, 1.0) for k in n])
    close(half, Z * 1e-3)
    ((_, far, _),) = points(right)
    close(far, 1e3 * (y - constant))


def test_tangents_share_the_rate_at_zero() -> None:
    _, (left, right) = drawn("tangents")
    n, early = line(left, linestyle="--")
    close(early, [tangent_rate(k) for k in n])
    _, predicted = line(left, color=style.CYCLE[0], linestyle="-")
    close(predicted, [LOG_RATIOS[k] for k in n], rel=0, absolute=1e-6)
    series = points(left)
    assert len(series) == 5
    close(series[0][0], n)  # that with a line is not moved
    assert all(np.abs(np.log(x / n)).max() < 0.07 for x, _, _ in series)
    for (_, y, half), (_, apart, long) in zip(series[1:], points(right), strict=True):
        close(apart, 1e3 * (y - early), absolute=1e-9)
        close(long, 1e3 * half)


# --- two slopes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "slope", "at_start", "at_end"),
    [
        (3, 0.1, -0.0198474849, None),
        (3, 0.3, 0.0264530766, 0.0426306850),
        (3, 0.5, 0.0710132649, 0.0792835615),
        (4, 0.5, 0.1253529488, 0.1246480450),
        (2, 0.2, -0.08, 0.0),
        (1, 0.5, -0.3125, -0.3125),
    ],
)
def test_rates_of_two_slopes(
    width: int, slope: float, at_start: float, at_end: float | None
) -> None:
    slopes = np.array([slope])
    close(maps.at_start(width, slopes), at_start, rel=1e-8)
    if at_end is not None:
        close(maps.at_end(width, slopes), at_end, rel=1e-8)


def test_interpolated_ratio_against_networks() -> None:
    """Values of the notes, simulated at infinite depth; 5 standard errors and the stated 4e-4."""
    known = {0.18: (0.001272, 77e-6), 0.2: (0.006201, 78e-6), 0.3: (0.030102, 76e-6)}
    known |= {0.5: (0.074046, 67e-6)}
    for slope, (value, error) in known.items():
        assert abs(maps.over_one(3, np.array([slope]))[0] - value) < 5 * error + 4e-4
    close(maps.over_one(2, np.array([0.5])), -0.02609, rel=0, absolute=6e-4)
    close(maps.over_one(3, np.array([1.0])), 0.5 - 1 / 3, absolute=1e-6)  # exact for slope 1
    close(maps.over_one(1, np.array([0.3])), -1.09 / 4, absolute=4e-4)


@pytest.mark.slow
def test_slope_map_draws_the_border() -> None:
    figure, axes = drawn("slope_map")
    *panels, last = axes[:4]
    early, later = maps.zeros_at_three()
    assert early == pytest.approx(0.185786851756154, abs=1e-12)
    assert later == pytest.approx(0.1748, abs=8e-4)  # twice the notes' standard error
    for ax, zero in zip(panels, (early, later, 0.0), strict=True):
        x, a = line(ax, color="black")
        at_end = ax is panels[2]
        above, below = (1.5, 1.5) if at_end else (2.5, 3.5)
        assert set(x[a > zero + 0.006]) == {above}
        assert set(x[a < zero - 0.006]) <= {below}
    assert [t.get_text() for ax in panels for t in ax.texts] == ["0.186", "0.175"]
    ((x, y, half),) = points(last)
    close(x, maps.MEASURED)
    close(y, log_ratio(3, 1.0))
    close(half, Z * 1e-3)
    assert figure.axes[4].get_ylabel()


def test_exact_zero_line() -> None:
    x, t = sign_map.exact_zero_line(np.arange(1.0, 9.0))
    assert (t[0], t[-1]) == (0.5, 8.5)
    # 1600 steps over eight units of time; zero at 5.704(3) by the notes
    assert set(x[t < 5.695]) == {3.5}
    assert set(x[t > 5.713]) == {4.5}


# --- long horizons --------------------------------------------------------------------------------


def test_active_count_comes_down_to_one() -> None:
    _, (left, right) = drawn("active_to_one")
    ends = {2: 1.0025826, 3: None, 4: None}
    for k, n in enumerate(long_horizon.COUNT_WIDTHS):
        t, count = line(left, label=f"$n = {n}$")
        assert (t[0], t[-1]) == (0, 60)
        assert count[0] == pytest.approx(n / 2 / (1 - 0.5**n), abs=1e-9)
        assert np.all(np.diff(count) < 0)
        assert 1 < count[-1] < 1.2
        if ends[n]:
            assert count[-1] == pytest.approx(ends[n], abs=1e-6)
            exact = line(right, color=style.CYCLE[k], linestyle="-")[1]
            close(exact, count - 1)
        _, guide = line(right, color=style.CYCLE[k], linestyle=":")
        close(guide, np.exp(-t / (8 * n)))
        at, _, half = points(right)[k]
        close(at, 7.5 * np.arange(1, 9))
        close(half, Z * 1e-3)


def test_correlation_ends_in_two_atoms() -> None:
    drawing = next(d for d in long_horizon.FIGURES if d.name == "correlation_end")
    results = {job: made_up(job) for job in drawing.jobs}
    counts = np.array([300, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 655])
    for job in drawing.jobs:
        results[job]["post"] = Law(np.array(long_horizon.EDGES), counts)
    *panels, last = drawing.picture(results).axes
    for ax in panels:
        heights = [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)]
        close(heights, counts / 1000)
        assert [t.get_text() for t in ax.texts] == ["0.300", "0.655"]
        bars = [one for one in ax.lines if one.get_color() == "black"]
        for bar, k in zip(bars, counts, strict=True):
            exact = stats.binomtest(int(k), 1000).proportion_ci(0.999, "exact")
            close(np.asarray(bar.get_ydata()), [exact.low, exact.high])
    times, mean = line(last, color=style.PREDICTED)
    c = 0.3  # f(c) at time 0
    f = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    assert mean[0] == pytest.approx(f, rel=1e-9)
    assert np.all(np.diff(mean) > 0)
    c = 0.9695544626
    f = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    assert mean[-1] == pytest.approx(f, rel=1e-8)
    assert times[-1] == 60


def test_the_simulations_yield_what_the_figures_read() -> None:
    """Width 2 of each experiment, cut to few samples and layers; four compilations."""
    from dataclasses import replace

    wanted = [(jobs[0], name) for _, name, jobs in every_width.SERIES[1:4]]
    wanted.append((long_horizon._pairs[0], "post_correlation"))
    jobs = [Job(job.experiment, replace(job.params, depth=16, time=1.0), 12) for job, _ in wanted]
    for result, (_, name) in zip(run(jobs, seed=1), wanted, strict=True):
        assert isinstance(result[name], Estimate)
    law = result["post"]
    assert isinstance(law, Law)
    assert len(law.counts) == len(long_horizon.EDGES) + 1
    assert isinstance(result["single@0.125"], Estimate)
