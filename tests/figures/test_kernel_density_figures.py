"""What the figures of kernel density show, read back from their axes.

Oracles: reference values of the notes on the paper (tens of digits), tables of the exact index, and
the functions of the theory that the figures do not call.  The measured results are made up.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy import stats

from figures.kernel_density import FIGURES, bandwidths, finite, fluctuations, phases
from simulations.core import run
from tests.figures.reading import Array, Z, close, line, points
from tests.figures.results_kernel_density import ERROR, counts, drawn, leave_one_out, sums
from theory import kernel_density as theory

REFERENCE = {  # alpha: h_G, h_CLT, h*, kappa(h*), h_MISE
    0.02: (2.29051003673316, 3.23927035869973, 1.24312323025238, 0.237626946997038, 1.3598071876),
    0.1: (1.37078470020708, 1.93858231412639, 1.03857241296982, 0.137847090328557, 1.1773649446),
    0.25: (
        0.946847039849921,
        1.33904392524858,
        0.834374507532106,
        0.0689270723826101,
        0.9330236850,
    ),
    0.5: (0.652145331150911, 0.922272771951912, 0.622436190534448, 0.0258858389371666, 0.671415927),
    1.0: (
        0.372106281700087,
        0.526237750224486,
        0.369343909963337,
        0.00397293633179747,
        0.3809957572,
    ),
}
VARIANCE = {0.05: 2.0475200373, 0.25: 1.1113046274, 0.5: 0.7627569738, 1: 0.4341092593}
LARGEST = {  # n: largest dimension with an index > 2, and > 1, under Scott's rule
    1e2: (3, 6),
    1e3: (4, 9),
    1e4: (6, 12),
    1e5: (7, 15),
    1e6: (8, 17),
    1e9: (10, 25),
    1e12: (13, 32),
}


def looks(one: Line2D, color: str) -> bool:
    return bool(one.get_color() == color and len(np.asarray(one.get_xdata())) > 2)


# --- phases ---------------------------------------------------------------------------------------


def test_phase_diagram() -> None:
    _, (left, right) = drawn("density_phases")
    glass, clt = [c for c in left.lines if looks(c, "black")]
    for alpha, (h_glass, h_clt, best, _, mise) in REFERENCE.items():
        expected = {glass: h_glass, clt: h_clt}
        named = {c.get_label(): c for c in left.lines}
        labels = [label for _, label, *_ in phases.BANDWIDTHS]
        expected |= dict(
            zip((named[x] for x in labels), (best, mise, math.exp(-alpha)), strict=False)
        )
        for curve, h in expected.items():
            x, y = (np.asarray(v, float) for v in curve.get_data())
            # drawn straight between points 3 % apart: (0.03)^2/8 of a second derivative < 3
            assert np.interp(math.log(alpha), np.log(x), y) == pytest.approx(h, rel=4e-4)
    dashed = named["relative variance 1"].get_data()
    for alpha, h in VARIANCE.items():
        x, y = (np.asarray(v, float) for v in dashed)
        assert np.interp(math.log(alpha), np.log(x), y) == pytest.approx(h, rel=4e-4)
    levels = [np.asarray(c.get_ydata(), float) for c in right.lines[:2]]
    close(levels[0], 1.0)
    close(levels[1], 2.0)
    x, y = line(right, label="least squared error")
    crossing = x[np.argmax(y > 1)]
    assert crossing == pytest.approx(0.29209632222323, rel=0.04)  # the next of the points
    assert y.max() == pytest.approx(1.06553, rel=1e-4)


def test_risk_has_its_minimum_in_the_condensed_regime() -> None:
    _, axes = drawn("density_risk")
    for ax, alpha in zip(axes, phases.RISK_AT, strict=True):
        h_glass, _, best, kappa, _ = REFERENCE[alpha]
        h, limit = line(ax, label=r"$d \to \infty$")
        assert limit.min() == pytest.approx(kappa, rel=0.02)
        assert h[limit.argmin()] == pytest.approx(best, rel=0.02)  # of 121 points
        assert best < h_glass
        before = limit
        for d in sorted(phases.SIZES, reverse=True):
            h, y = line(ax, label=f"$d = {d}$")
            assert (y > before - 1e-4).all()  # approached from above, by cubic splines
            k = 40
            n = math.exp(alpha * d)
            assert y[k] * d == pytest.approx(theory.kl_divergence(d, n, h[k]).value, rel=3e-3)
            before = y


# --- fluctuations ---------------------------------------------------------------------------------


def test_laws_are_compared_bin_by_bin() -> None:
    _, axes = drawn("density_laws")
    for k, ax in enumerate(axes):
        d, index = fluctuations.LAW_SIZES[k // 3], fluctuations.INDICES[k % 3]
        ((x, y, half),) = points(ax)
        made = counts(d, len(x) + 2)
        total, width = sum(made), np.diff(x)[0]
        close(y, np.array(made[1:-1]) / total / width)
        share = y * width
        close(half, Z * np.sqrt(share * (1 - share) / total) / width)
        grid, exact = line(ax, label="exact at this $d$ and $n$")
        _, limit = line(ax, label=r"limit $d \to \infty$")
        low, high = fluctuations.RANGES[k % 3]
        beyond = 1 - np.sum(exact) * np.diff(grid)[0]
        assert -1e-6 < beyond < 0.08  # the rest is in the tails that are not shown
        h, n = fluctuations.bandwidth(index), fluctuations.points(d)
        assert theory.stable_index(0.3, h) == pytest.approx(index)
        if index > 2:
            if d == 300:  # normal by then; steps in log S would be lost in its rounding
                close(exact, stats.norm.pdf(grid), rel=2e-3, absolute=1e-4)
            close(limit, stats.norm.pdf(np.linspace(low, high, 201)))
        if index == 0.5:  # the law of Levy: X = pi / (2 g^2), g normal
            x = np.linspace(low, high, 201)
            close(limit, stats.levy.pdf(np.exp(x), scale=math.pi / 2) * np.exp(x), rel=1e-8)
            middle = theory.sum_law(d, n, h).quantile(0.5) - theory.finite_index(d, n, h).log_scale
            below = np.interp(middle, grid + np.diff(grid)[0] / 2, np.cumsum(exact))
            cut = theory.sum_law(d, n, h).cdf(low + theory.finite_index(d, n, h).log_scale)
            assert below * np.diff(grid)[0] + cut == pytest.approx(0.5, abs=1e-3)


def test_shares_and_the_relative_variance() -> None:
    _, (left, right) = drawn("density_shares")
    x, limit = line(left, label="$1 - (h/h_G)^2$")
    close(limit, np.clip(1 - x**2, 0, 1))
    for d, color, (at, y, half) in zip(
        fluctuations.SHARE_SIZES, fluctuations.COLORS, points(left), strict=True
    ):
        close(at**2, fluctuations.SHARE_INDICES)
        h = [fluctuations.bandwidth(x) for x in fluctuations.SHARE_INDICES]
        close(y, [sums("y2", d, x) for x in h])
        close(half, Z * ERROR)
        x, exact = _curve(left, color)
        n = fluctuations.points(d)
        for k in (3, 20, 40):
            value = theory.exact(d, n, fluctuations.bandwidth(x[k] ** 2)).y2.value
            assert exact[k] == pytest.approx(value, rel=1e-8)
        x, values = _curve(right, color)
        crossing = np.interp(0, -np.log(values), x)
        blow_up = theory.variance_bandwidth(0.3) / theory.boundaries(0.3).h_glass
        assert crossing == pytest.approx(blow_up, rel=1e-3)  # at every d
    assert 1.1 < blow_up < 1.3  # between the thresholds 1 and sqrt 2


def _curve(ax: Axes, color: str) -> tuple[Array, Array]:
    (found,) = [c for c in ax.lines if looks(c, color) and c.get_linestyle() == "-"]
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def test_exponents_and_that_of_the_standard_deviation() -> None:
    _, (ax,) = drawn("density_fluctuations")
    for d, (at, y, half) in zip(fluctuations.EXCESS_SIZES, points(ax), strict=True):
        close(at**2, fluctuations.EXCESS_INDICES)
        h = [fluctuations.bandwidth(x) for x in fluctuations.EXCESS_INDICES]
        close(y, [-sums("log_excess", d, x) / d for x in h])
        close(half, Z * ERROR / d)
    x, limit = line(ax, label=r"$\Delta$, limit")
    for index, value in ((1.3, 0.00904), (1.6, 0.02589), (2.5, 0.07326), (3.0, 0.08925)):
        assert np.interp(math.sqrt(index), x, limit) == pytest.approx(value, abs=2e-5)
    close(limit[x <= 1], 0)
    below, other = line(ax, label="of the standard deviation")
    assert np.interp(math.sqrt(1.6), below, other) == pytest.approx(0.021656, abs=2e-5)
    assert (other < limit[: len(other)]).all()


# --- bandwidths -----------------------------------------------------------------------------------


def test_map_of_scott_against_the_table() -> None:
    sizes = np.array(list(LARGEST))
    dimensions = range(1, 41)
    found = bandwidths.index_map(lambda d, n: float(theory.scott(d, n)), dimensions, sizes)
    for column, (normal, stable) in zip(found.T, LARGEST.values(), strict=True):
        assert [int(np.sum(column > x)) for x in (2, 1)] == [normal, stable]
    known = (bandwidths.DIMENSIONS, bandwidths.SIZES)
    fine = bandwidths.FINE[0], sizes.astype(float)
    between = bandwidths.interpolated(bandwidths.scott_map(), known, fine)
    at_integers = np.exp([np.interp(np.log(17), np.log(fine[0]), np.log(c)) for c in between.T])
    close(at_integers, found[16], rel=0.01)
    drawn_map = bandwidths.scott_map()
    k = list(bandwidths.DIMENSIONS).index(17)
    close(drawn_map[k, 0], found[16, 0])


def test_map_of_the_likelihood_against_the_exact_optimum() -> None:
    found = bandwidths.likelihood_map()
    for d, column in ((5, 0), (17, 12), (60, 24)):
        n = float(bandwidths.SIZES[column])
        h = theory.kl_optimum(d, n).bandwidth.value
        expected = theory.finite_index(d, n, h).index
        # a spline through 7 x 6 points; the lines of the figure are as wide
        assert found[bandwidths.DIMENSIONS.index(d), column] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("d", "n", "h"), [(5, 1000, 0.54456), (20, 1000, 0.86446), (40, 1000, 1.00266)]
)
def test_fast_optimum(d: int, n: int, h: float) -> None:
    assert finite.likelihood_bandwidth(d, n - 1) == pytest.approx(h, abs=2e-4)
    exact = theory.kl_divergence(d, n - 1, h).value
    assert finite.divergence(d, n - 1, h) == pytest.approx(exact, rel=1e-4)


def test_cross_validation() -> None:
    _, (left, right) = drawn("density_bandwidths")
    series = [*points(left), *points(right)]
    for (at, y, half), name in zip(series, ("bandwidth", "kl", "kl_scott"), strict=True):
        close(at, bandwidths.MEASURED_AT)
        unit = np.ones(len(at)) if name == "bandwidth" else at
        close(y, [leave_one_out(name, d) / u for d, u in zip(at, unit, strict=True)])
        close(half, Z * ERROR / unit)
    d, h = line(left, label="exact optimum")
    assert np.interp(20, d, h) == pytest.approx(0.86446, rel=1e-3)
    d, limit = line(left, label="optimum, limit")
    assert np.interp(20, d, limit) == pytest.approx(0.7419, rel=1e-3)
    d, scott = line(left, label="Scott")
    close(scott, 1000 ** (-1 / (d + 4)))


def test_the_simulation_yields_what_the_figures_read() -> None:
    for drawing in FIGURES:
        for job in drawing.jobs[:1]:
            small = {"dimension": 5, "points": 30.0} if job.params.dimension < 30 else {}
            p = replace(job.params, **small)
            (found,) = run([replace(job, params=p, samples=4)], seed=1)
            assert {"y2"} <= set(found)
