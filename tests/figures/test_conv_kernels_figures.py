"""What the figures of convolutional kernels show, read back from their axes.

Oracles: reference values of the notes on the paper, the exponents worked out by hand, and power
laws that were made up.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.lines import Line2D
from scipy import stats

from figures import style
from figures.conv_kernels import FIGURES, learning, spectra, tree
from simulations.conv_kernels import LEARNING
from simulations.core import Job, run
from tests.figures.reading import Array, Z, close, line, points
from tests.figures.results_conv_kernels import ERROR, drawn

TOP = {"rfk": (0.0537336720235083996, 5), "ntk": (2 * 0.0358224480156722664, 3)}
"""Constant and exponent of sector 2, two layers, patches of two."""
FIRST = {
    "rfk": (0.134989016702108183, 0.0202414292699779758, 4),
    "ntk": (0.0674945083510540915, 0.0101207146349889879, 2),
}
"""Constants of even and odd degrees of sector 1, and their exponent."""
REFERENCE = {"rfk": 2.63328107430344e-7, "ntk": 4.81706549862149e-5}
"""Lambda at (8, 8)."""


def data(one: Line2D) -> tuple[Array, Array]:
    """x and y of a line of any length."""
    return np.asarray(one.get_xdata(), float), np.asarray(one.get_ydata(), float)


# --- the tree -------------------------------------------------------------------------------------


def test_frames_hold_the_meta_patches() -> None:
    _, (ax,) = drawn("conv_tree")
    assert [len(tree.meta_patches(level)) for level in (1, 2, 3)] == [4, 2, 1]
    for level, (pixels, dimension) in enumerate(((2, 1), (4, 2), (8, 4)), start=1):
        assert tree.meta_patches(level)[0] == (1, pixels)
        frame = [x for x in ax.lines if x.get_color() == tree.COLORS[level - 1]]
        (x,) = [data(one)[0] for one in frame if one.get_linestyle() == "-"]
        assert x.min() < 1
        assert pixels < x.max() < pixels + 1
        (units,) = [one for one in frame if one.get_marker() == "o"]
        assert len(data(units)[0]) == 8 // pixels
        text = f"meta-patch of level {level}: " + rf"$d_\mathrm{{eff}} = {dimension}$"
        assert text in [note.get_text() for note in ax.texts]


# --- eigenvalues ----------------------------------------------------------------------------------


def test_eigenvalues_and_their_laws() -> None:
    _, axes = drawn("conv_spectra")
    for ax, kind in zip(axes, spectra.KINDS, strict=False):
        assert ax.get_title().startswith(kind.upper())
        norm, values = line(ax, label="sector 2")
        (at,) = np.flatnonzero(np.isclose(norm, math.hypot(8, 8)))
        # What is aliased on a grid of N: less than 20 N^-2 (NTK), N^-4 (RFK) in size.
        close(values[at], REFERENCE[kind], rel=1e-6 if kind == "rfk" else 1e-3)
        assert len(values) > 500
        solid = [x for x in ax.lines if (x.get_linestyle(), x.get_color()) == ("-", "black")]
        dots = [x for x in ax.lines if x.get_linestyle() == ":"]
        even, odd, power = FIRST[kind]
        constant, steeper = TOP[kind]
        expected = (even, power), (constant, steeper), (odd, power)
        for law, (size, exponent) in zip((*solid, *dots), expected, strict=True):
            k, height = data(law)
            close(height, size * k**-exponent)
        for label, size in (("sector 1, even $k$", even), ("sector 1, odd $k$", odd)):
            k, values = line(ax, label=label)
            found = values[-1] * k[-1] ** power / size  # aliases and O(1/k)
            assert found == pytest.approx(1, abs=0.2)
            assert (k % 2 == (size == odd)).all()


def test_the_deeper_tree_tends_to_its_laws() -> None:
    _, (_, _, ax) = drawn("conv_spectra")
    laws = [x for x in ax.lines if x.get_color() == "black"]
    steps = [np.diff(np.log(data(law))).ravel() for law in laws]
    close([step[1] / step[0] for step in steps], [-2, -3, -5, -2])
    for direction, level in zip(spectra.DOUBLING, (1, 2, 3), strict=True):
        k, norm, values = spectra.deep("ntk")[direction]
        close(norm, k * math.sqrt(sum(direction)))
        last = np.argmax(np.where(k % 2 == 0, norm, 0))
        height = np.exp(np.interp(np.log(norm[last]), *np.log(data(laws[level - 1]))))
        assert values[last] / height == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("column", "kind"), [(0, "rfk"), (1, "ntk")])
def test_directions_collapse_but_for_the_axes(column: int, kind: str) -> None:
    _, axes = drawn("conv_directions")
    near, middle = [], []
    for color in style.CYCLE[: len(spectra.RINGS)]:
        angle, scaled = line(axes[column], color=color)
        assert (np.diff(angle) >= 0).all()
        close(scaled, scaled[::-1], rel=0.5)  # symmetric but for the order of equal angles
        middle.append(float(np.abs(scaled[(angle > 30) & (angle < 60)] - 1).max()))
        near.append(float(scaled[(angle > 0) & (angle < 5)].max()))
    assert middle[0] < 0.15
    assert middle[0] > middle[1]
    assert middle[2] < 0.02
    # One degree fixed at 1: in proportion to |k|, up to corrections.
    assert near[1] / near[0] > 2
    assert near[2] / near[1] == pytest.approx(4, rel=0.25)


# --- learning -------------------------------------------------------------------------------------

BETA = {(1, 1): 1, (2, 2): 1 / 2, (2, 1): 3 / 4, (3, 3): 1 / 4, (3, 2): 5 / 12, (3, 1): 5 / 8}
"""(depth, level): (1 + 1/d_L)/(1 + d_l) with d_l = 2^(l - 1)."""


def test_learning_curves() -> None:
    figure, axes = drawn("conv_learning")
    for ax, curves in zip(axes, (learning.FLAT, learning.DEEP), strict=True):
        dashes = [x for x in ax.lines if x.get_linestyle() == "--" and len(data(x)[0])]
        for curve, (n, values, half), slope in zip(curves, points(ax), dashes, strict=False):
            close(n, learning.POINTS)
            decay = 0.1 * curve.depth + 0.2 * curve.level + (curve.teacher == "rfk")
            close(values, n**-decay)
            students = [stats.t.isf(0.0005, d - 1) for d in learning.DESIGNS.values()]
            close(half, np.array(students) * ERROR * values)
            x, y = data(slope)
            beta = 1.5 if curve.teacher == "rfk" else BETA[curve.depth, curve.level]
            close(np.diff(np.log(y)) / np.diff(np.log(x)), -beta)
            texts = [note.get_text() for note in ax.texts]
            assert any(rf"$\beta = {beta:.3g}$" in text for text in texts)
    assert len(figure.legends) == 1


def test_equivalents_of_the_notes() -> None:
    # Computed for the notes on 2048 points a circle.
    for curve, values in (
        (learning.Curve(2, 2), (0.2914, 0.1909, 0.1287, 0.0880, 0.0606)),
        (learning.Curve(2, 1), (0.05628, 0.03319, 0.01985, 0.01186, 0.00703)),
        (learning.Curve(2, 2, "rfk"), (9.34e-3, 3.35e-3, 1.216e-3, 4.36e-4, 1.54e-4)),
    ):
        # 1536 here: the modes beyond the grid count as modes on it.
        close(learning.equivalent(curve), values, rel=0.004)


def test_exponents_against_formula_and_fits() -> None:
    _, (left, right) = drawn("conv_exponents")
    levels, beta = line(left, color=style.PREDICTED)
    close(beta, [BETA[3, int(level)] for level in levels])
    close(line(left, linestyle="--")[1], 1 / 4)
    close(line(left, linestyle=":")[1], [1, 1 / 2, 1 / 4])
    (x, slopes, half) = points(left)[0]
    close(slopes, 0.3 + 0.2 * x)  # the exponents that were made up
    weights = learning.slope_weights()
    student = [stats.t.isf(0.0005, d - 1) for d in learning.DESIGNS.values()]
    close(half, ERROR * math.hypot(*(weights * student)))
    assert min(student) > Z
    for level, (x, slopes, _) in enumerate(points(right), start=1):
        close(slopes, 0.1 * x + 0.2 * level)
    depths, beta = data(right.lines[1])
    close(beta, [BETA[1, 1], BETA[2, 1], BETA[3, 1], 9 / 16, 17 / 32])
    close(depths, [1, 2, 3, 4, 5])
    limits = [data(x)[1][0] for x in right.lines if x.get_linestyle() == ":"]
    close(limits, [1 / 2, 1 / 3])


def test_the_runs_are_cheap() -> None:
    jobs = {job for d in FIGURES for job in d.jobs}
    # Values of kernels; about 4e6 a second.
    values = [j.samples * j.params.points**2 * j.params.patches for j in jobs]
    assert sum(values) < 3.5e8
    assert all(job in learning.EVERY[0].jobs or job.params.points <= 1024 for job in jobs)


def test_the_simulation_yields_what_the_figure_reads() -> None:
    (job, *_) = learning.Curve(2, 1).jobs
    (found,) = run([Job(LEARNING, job.params, 4)], seed=1)
    (estimate,) = learning.errors(learning.Curve(2, 1), [found])
    assert 0.02 < estimate.value < 0.15
    assert estimate.stderr > 0
