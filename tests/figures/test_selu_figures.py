"""What the figures of self-normalising networks show, read back from their axes.

Oracles: the map by quadrature in mpmath, reference values of the notes on the paper (40 digits),
the ranges of the theorems, and exact tilings.  The measured results are made up.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.contour import QuadContourSet
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver
from scipy import stats

from figures import style
from figures.selu import FIGURES, fixed_points, maps, networks, proofs, small_variance
from simulations.core import Job, run
from simulations.selu import PATHS
from tests.figures.reading import Z, close, line, points
from tests.figures.results_selu import ERROR, GROUPS, drawn

SCALE = 1.050700987355480493419334985294606351959
ALPHA = 1.673263242354377284817042991671652038461
CHI = 0.7826478831968128
STUDENT = stats.t.isf(0.0005, GROUPS - 1)  # 99.9 %, two-sided

Array = np.ndarray[Any, Any]


def quadrature(y: float, x: float) -> tuple[float, float]:
    """Mean and variance of selu(z), z ~ N(y, x), straight from the definition."""
    scale, alpha, root = mpmath.mpf(SCALE), mpmath.mpf(ALPHA), mpmath.sqrt(x)

    def f(z: Any) -> Any:
        return scale * z if z > 0 else scale * alpha * mpmath.expm1(z)

    ends = sorted([y - 12 * root, mpmath.mpf(0), y + 12 * root])
    m, q = (mpmath.quad(lambda z, k=k: f(z) ** k * mpmath.npdf(z, y, root), ends) for k in (1, 2))
    return float(m), float(q - m * m)


def boxes_of(ax: Axes) -> list[tuple[float, float, float, float]]:
    """x, y, width, height of the rectangles that are not filled."""
    found = [p for p in ax.patches if isinstance(p, Rectangle) and not p.get_fill()]
    return [(*p.get_xy(), p.get_width(), p.get_height()) for p in found]


# --- the map --------------------------------------------------------------------------------------


def test_arrows_end_where_the_layer_takes_them() -> None:
    _, axes = drawn("selu_moment_map")
    for ax, size in zip(axes, (5 * 8, 5 * 13), strict=True):
        (arrows,) = [c for c in ax.collections if isinstance(c, Quiver)]
        starts = np.asarray(arrows.XY)
        assert len(starts) == size
        assert (arrows.scale, arrows.angles) == (1, "xy")
        u, v = (np.ma.getdata(part) for part in (arrows.U, arrows.V))
        for i in (0, 7, size - 1):
            mu, nu = starts[i]
            expected = quadrature(0.0, float(nu)) if nu else (0.0, 0.0)
            close((mu + u[i], nu + v[i]), expected, rel=1e-10, absolute=1e-10)
        at_one = starts[:, 1] == 1  # mu is forgotten at once, and (0, 1) stays
        close((starts[:, 0] + u)[at_one], 0)
        close(v[at_one], 0)
    assert boxes_of(axes[1]) == [pytest.approx((-0.1, 0.8, 0.2, 0.7))]
    near = axes[0].collections[0].get_offsets()
    assert (near.min(axis=0) == (-0.1, 0.8)).all()
    assert (near.max(axis=0) == (0.1, 1.5)).all()


def test_norms_and_the_domains_on_them() -> None:
    _, (ax, _) = drawn("selu_domains")
    # Suprema over the domains of Theorem 1 and Lemma 12, at their corners.
    found = maps.norms(np.array([0.8]), np.array([1.1, 1.25]))
    close(found[:, 0], [0.8976083584089180, 0.9890262718393544], rel=1e-12)
    filled, contour = [c for c in ax.collections if isinstance(c, QuadContourSet)]
    assert list(contour.levels) == [1.0]
    (path,) = contour.get_paths()
    nu, tau = np.asarray(path.vertices).T
    for k in range(0, len(nu), 20):  # linear interpolation on the grid
        assert maps.norms(nu[k : k + 1], tau[k : k + 1])[0, 0] == pytest.approx(1, abs=2e-4)
    found = boxes_of(ax)
    expected = (0.8, 0.8, 0.7, 0.45), (0.60, 0.88, 1.01, 0.26), (0.8, 0.95, 0.7, 0.15)
    assert found == [pytest.approx(box) for box in expected]
    assert len(filled.levels) > 5
    nu, tau = line(ax, linestyle=":")
    close(np.interp(0.8, tau, nu), 0.4107096831560321, rel=1e-3)  # interpolated
    close(np.interp(1.25, tau, nu), 2.178855643166542, rel=1e-3)
    assert all(name in maps.proved() for name in ("Theorem 1", "Lemma 12"))


def test_fixed_points_along_their_curves() -> None:
    _, axes = drawn("selu_fixed_points")
    known = {  # tau: mean, variance, radius
        0.0: {
            0.8: (-0.05187901850371859, 0.4107096831560321, 0.8204272446168333),
            1.5: (0.4267515537245903, 4.259473911999753, 0.7983051128792362),
            2.0: (1.780421083698416, 18.45990082076793, 0.8761655587124139),
        },
        0.1: {
            0.95: (-0.02087030862116521, 0.826473750625936, 0.7911635106928096),
            1.25: (0.1724964621247503, 2.232604870392328, 0.7876049689123808),
        },
    }
    colors = dict(zip(fixed_points.OMEGAS, (style.CYCLE[0], *style.CYCLE[2:4]), strict=True))
    for omega, rows in known.items():
        curves = [line(ax, color=colors[omega]) for ax in axes]
        for tau, (mean, variance, radius) in rows.items():
            expected = variance, mean / math.sqrt(variance), radius
            for (x, y), value in zip(curves, expected, strict=True):
                # the grid's spacing in log x is 0.17, its curves smooth on the scale 1
                assert np.interp(tau, x, y) == pytest.approx(value, rel=0.01)
    for ax in axes:
        ends = [float(x.get_xdata()[0]) for x in ax.lines if x.get_linestyle() == ":"]
        assert ends == [pytest.approx(e) for e in (0.4955893006557005, 2.657570040520787)]
        x, _ = line(ax, color=style.CYCLE[0])
        assert ends[0] < x.min() < ends[0] + 1e-3
        assert ends[1] - 1e-3 < x.max() < ends[1]


def test_every_point_of_a_curve_is_fixed() -> None:
    for omega in fixed_points.OMEGAS:
        tau, mean, nu, _ = fixed_points.curve(omega)
        for k in (40, 120, 160):
            found = quadrature(omega * float(mean[k]), float(tau[k] * nu[k]))
            close(found, (mean[k], nu[k]), rel=1e-9)


# --- the proofs -----------------------------------------------------------------------------------


def test_the_boxes_of_the_proofs_tile_their_domains() -> None:
    _, axes = drawn("selu_boxes")
    domains = (0.64, 1.875), (0.64, 1.875), (0.00016, 0.5)  # nu tau of Lemma 12 and Theorem 3
    for ax, (low, high) in zip(axes[:3], domains, strict=True):
        (outlines,) = [c for c in ax.collections if type(c) is PolyCollection]
        corners = np.array([np.asarray(p.vertices)[:4] for p in outlines.get_paths()])
        size = np.ptp(corners, axis=1).prod(axis=1)
        assert size.sum() == pytest.approx(0.02 * (high - low), rel=1e-12)
        assert f"{len(size)} boxes" in ax.get_title()
    # The sharper bound needs more of them, most where the supremum is.
    few, many = (len(ax.collections[1].get_paths()) for ax in axes[:2])
    assert many > few
    (mesh,) = [c for c in axes[0].collections if isinstance(c, QuadMesh)]
    assert np.max(mesh.get_array()) == pytest.approx(0.9890262718393544, abs=3e-3)
    top = proofs.largest_norm(np.array([0.01]), np.array([1.0]))
    assert top[0] == pytest.approx(0.9890262718393544, rel=1e-12)
    # nu~ - nu = 0.00773608321059 at (0.1, 0.1, 0.02, 0.8)
    least = proofs.least_growth(np.array([0.01]), np.array([0.016]))
    assert least[0] == pytest.approx(1 + 0.00773608321059 / 0.02, rel=1e-10)


def test_the_funnel_runs_into_the_box_of_theorem_1() -> None:
    _, (plane, right) = drawn("selu_funnel")
    found = np.array(boxes_of(plane))
    close(found[0], (-1.25, 0.02, 2.5, 15.98))
    close(found[-1], (-0.1, 0.8, 0.2, 0.7))
    assert len(found) == 26  # 25 layers
    lows, highs = found[:, 1], found[:, 1] + found[:, 3]
    band = right.collections[0].get_paths()[0].vertices
    for k in (0, 5, 25):
        ends = band[band[:, 0] == k][:, 1]
        close((ends.min(), ends.max()), (lows[k], highs[k]))
    singles = [x for x in plane.lines if x.get_marker() == "."]
    assert len(singles) == 4
    for path in singles:
        mean, variance = np.asarray(path.get_xdata()), np.asarray(path.get_ydata())
        inside = (lows <= variance) & (variance <= highs) & (found[:, 0] <= mean)
        assert inside.all()
        assert (mean <= found[:, 0] + found[:, 2]).all()


# --- small variances ------------------------------------------------------------------------------


def test_small_variances_by_quadrature() -> None:
    _, (above, mean, growth, square) = drawn("selu_small_variance")
    for y in (-0.1, 0.0, 0.1):
        x, h = line(above, label=f"$y = {y:g}$")
        assert (h < 0).all()
        assert (np.diff(h) > 0).all()
        for k in (0, 100, 188):
            below = mpmath.quad(
                lambda z, v=x[k], y=y: (
                    (mpmath.exp(z) - 2 * mpmath.exp(2 * z)) * mpmath.npdf(z, y, mpmath.sqrt(v))
                ),
                [-60, -20, -8, -3, -1, 0],
            )
            close(h[k], float(2 * mpmath.exp(y * y / (2 * x[k])) * below), rel=1e-10)
    for y in (-0.01, 0.01):
        nu, after = line(mean, label=rf"$\mu\omega = {y:g}$")
        close(line(square, label=rf"$\mu\omega = {y:g}$")[1], after**2)
        for k in (1, 60, 200):
            close(after[k], quadrature(y, nu[k])[0], rel=1e-9)
        assert (after**2 < small_variance.SQUARE).all()
    for tau, least in ((0.8, 6.8614e-5), (0.9, 1.6323e-5), (0.95, 0), (1.0, 0)):
        nu, ratio = line(growth, label=rf"$\tau = {tau:g}$")
        low, high = small_variance.STATED
        assert (ratio[(low <= nu) & (nu <= high)] > 1).all()
        # between two of its points the curve crosses 1 where the notes on the paper say
        assert ((ratio > 1) == (nu > least))[nu < high].all()
        close(ratio[60] * nu[60], quadrature(0.01, tau * nu[60])[1], rel=1e-8)


def test_what_is_not_proved_is_not_drawn() -> None:
    from figures.selu.certificates import certificate

    with pytest.raises(RuntimeError, match="theorem-1 was not proved: refuted at"):
        certificate("theorem-1", tau=("0.94", "1.1"))


# --- finite width ---------------------------------------------------------------------------------


def test_finite_width_against_the_expansions() -> None:
    _, (left, middle, right) = drawn("selu_finite_width")
    layers, limit = line(left, linestyle="--")
    close(limit, 1.5031404506154079 * (1 - CHI ** (2 * layers)) / (1 - CHI**2), rel=1e-7)
    for k, n in enumerate(networks.SHOWN):
        x, y, half = points(left)[k]
        close(x, np.arange(2, 21, 2))
        close(y, 3 + x / 20 + 1 / n)
        close(half, STUDENT * ERROR)
        _, predicted = line(left, color=style.CYCLE[k], linestyle="-", marker="None")
        close(predicted, limit, rel=1.2 / n * 2)  # the correction is 0.6/n at the end, twice early
    n = np.array(networks.WIDTHS)
    for k, (color, value, end) in enumerate(
        ((style.CYCLE[0], -1.5, -1.56664), (style.CYCLE[2], -0.1, -0.119430))
    ):
        close(points(middle)[k][1], value)
        close(points(middle)[k][2], n * Z * ERROR)
        (dashes,) = [x for x in middle.lines if (x.get_color(), x.get_linestyle()) == (color, "--")]
        close(np.asarray(dashes.get_ydata()), end, rel=1e-4)
        _, y = line(middle, color=color, linestyle="-")
        close(y[-1], end, rel=0.01)
    levels = {x.get_linestyle(): float(x.get_ydata()[0]) for x in right.lines[1:]}
    close((levels["--"], levels[":"]), (CHI, 0.7876733604657156), rel=1e-12)
    close(points(right)[0][1], 0.78 - 0.3 / n)
    # Measured for the notes, with their errors.
    x, y = line(right, color=style.CYCLE[0], linestyle="-")
    for width, slope, error in ((32, 0.77270, 43e-5), (128, 0.78034, 46e-5), (256, 0.78160, 58e-5)):
        assert np.interp(width, x, y) == pytest.approx(slope, abs=5 * error)


def test_the_runs_are_cheap_and_share_compiled_code() -> None:
    jobs = {job for d in FIGURES for job in d.jobs}
    assert sum(j.samples * j.params.width * j.params.depth for j in jobs) < 3.5e9  # half a minute
    assert len({job.experiment.code(job.params) for job in jobs}) == len(networks.WIDTHS)


def test_the_simulation_yields_what_the_figure_reads() -> None:
    """Width 5: one compilation."""
    p = replace(networks._jobs[0].params, width=5)
    (found,) = run([Job(PATHS, p, 256)], seed=1)
    for layer in range(2, networks.LAYERS + 1, 2):
        assert networks.grouped(found, f"n_var_q@{layer}").value > 0
    for name in ("second_moment", "mean", "slope"):
        assert math.isfinite(networks.mean(found, name).value)


# --- Edgeworth ------------------------------------------------------------------------------------

MOMENTS = {  # of the notes: exact mean and second moment of f(z)
    16: (-0.020660413045297, 1.0747587414106),
    64: (-0.010218973003034, 1.0386821532832),
    256: (-0.0050729622283975, 1.0196253998448),
}


@pytest.mark.parametrize("n", MOMENTS)
def test_exact_moments_of_few_inputs(n: int) -> None:
    assert networks.exact(n) == pytest.approx(MOMENTS[n], abs=1e-12)


def test_expansions_and_what_they_leave() -> None:
    _, (left, first, second) = drawn("selu_edgeworth")
    n = networks.INPUTS
    z, exact = line(left, label="exact")
    close(exact, [float(stats.gamma(n, -math.sqrt(n), 1 / math.sqrt(n)).pdf(t)) for t in z])
    z, normal = line(left, label="normal law")
    close(normal, stats.norm.pdf(z))
    for order, label in ((1, "order 1"), (2, "order 2")):
        _, y = line(left, label=label)
        distance = np.abs(y - exact)
        assert distance.max() < np.abs(normal - exact).max() / (1 + order)
        # Same total, mean and variance; third cumulant 2/sqrt(n) and, at order 2, fourth 6/n.
        t = np.linspace(-12, 12, 4001)
        y = networks.expansion(n, t, order)
        moments = [float(np.trapezoid(y * t**k, t)) for k in range(5)]
        fourth = 3 + 6 / n * (order == 2)
        close(moments, (1, 0, 1, 2 / math.sqrt(n), fourth), absolute=1e-9)
    close(networks.cumulants(16), (0.5, 0.375))
    order_one = {16: (-0.020124961, 1.079527393), 256: (-0.005031240, 1.019881848)}
    order_two = {16: (-0.020831734, 1.075647166), 256: (-0.005075414, 1.019639334)}
    for ax, k in ((first, 0), (second, 1)):
        for color, table in ((style.CYCLE[2], order_one), (style.CYCLE[1], order_two)):
            (dots,) = [x for x in ax.lines if (x.get_color(), x.get_marker()) == (color, "o")]
            found = dict(zip(dots.get_xdata(), dots.get_ydata(), strict=True))
            for size, value in table.items():
                error = abs(value[k] - MOMENTS[size][k])
                assert found[size] == pytest.approx(error, abs=2e-9)  # 9 decimals in the table
