"""What the figures of infinitely deep classifiers show, read back from their axes.

Oracles: reference values of the notes on the paper (tens of digits), exact powers, and limits that
follow from the definitions.  The measured results are made up.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from figures.ntk_classifiers import FIGURES, consistency, depth, kernels
from figures.reading import mean
from simulations.core import Job, run
from tests.figures.reading import Z, close, line, points
from tests.figures.results_ntk_classifiers import ERROR, agreement, drawn, excess
from theory import ntk_classifiers as theory

RIPPLES = {  # activation: mean, minimum, maximum of R at 16 phases below 1e-9
    "optimal:1": (0.71778658607937, 0.717294403, 0.718278781),
    "optimal:2": (1.2103347912629, 1.2103347275, 1.2103348550),
    "optimal:4": (5.8596412277655, 5.8596406105, 5.8596418450),
    "optimal:8": (184.01970872228, 183.97293113, 184.06648652),
    "sine, d = 4": (3.8403788844, 3.7454256520, 3.9358100177),
    "sine, d = 8": (122.9598003, 80.00196706, 172.07852681),
}
RELU = {  # (r, L): K_L
    (1.0, 1): 0.9423311143775627,
    (1.0, 10): 4.108351526422749,
    (1.0, 1000): 254.0562490206551,
    (1.0, 10_000): 2504.93623235324,
    (0.1, 1): 1.958421084701604,
    (0.1, 1000): 274.3297539146622,
    (0.1, 10_000): 2525.195991236592,
}
LIMITS = {  # d = 1, alpha: asymptotic excess risk of pure powers
    0.5: 0.008433403504178113,
    0.75: 0.00087444228774141,
    0.9: 9.36965e-5,
    1.2: 0.0323137056890,
    1.5: 0.0534390015390,
    2.0: 0.0673332067170,
    4.0: 0.0790284328267,
    8.0: 0.0817247869750,
    math.inf: 0.0826048864849,
}
BAYES = {
    1: 0.24,
    2: 0.050521726601642217301,
    4: 0.093196874719401477913,
    8: 0.0770082730509370348,
}


def level(one: Line2D) -> float:
    """Height of a horizontal line."""
    return float(np.asarray(one.get_ydata(), float)[0])


# --- kernels --------------------------------------------------------------------------------------


def test_the_bands_are_the_extremes_of_the_reference_table() -> None:
    _, (left, *panels) = drawn("ntk_log_periodic")
    for ax, (middle, low, high) in zip(panels, RIPPLES.values(), strict=True):
        (band,) = ax.patches
        assert isinstance(band, Rectangle)
        bottom, top = band.get_y(), band.get_y() + band.get_height()
        size = (high - low) / middle
        # 64 phases here, 16 in the table: extremes of a wave lie at most 2 % of its height apart;
        # the digits of the table
        for found, value in ((bottom, low), (top, high)):
            assert found == pytest.approx(value / middle - 1, abs=0.02 * size + 1e-9)
        assert bottom <= low / middle - 1 + 1e-9
        assert top >= high / middle - 1 - 1e-9
        x, y = line(ax)
        close((x[0], x[-1]), (0, 3))
        per_period = (x.size - 1) // 3
        close(y[:-per_period], y[per_period:], rel=0, absolute=1e-12)
        assert bottom - 0.01 * size <= y.min() < y.max() <= top + 0.01 * size
    curves = {str(c.get_label()): c for c in left.lines}
    assert len(curves) == 6
    for label, activation, r, h in (  # h to 40 digits in the notes
        ("$(x + x^7)/2$", "optimal:1", 0.1, 7.16333456966617448),
        ("cubic, $d = 2$", "optimal:2", 0.01, 12102.8939504479789),
        ("cubic, $d = 4$", "optimal:4", 0.1, 58230.493205620018),
    ):
        x, y = (np.asarray(v, float) for v in curves[label].get_data())
        expected = h * r ** theory.exponent(activation) / RIPPLES[activation][0]
        assert np.interp(r, x, y) == pytest.approx(expected, rel=1e-4)  # 40 points per e-fold


def test_exponents_and_their_crossing() -> None:
    _, (nngp, ntk, rescaled) = drawn("ntk_exponents")
    for ax in (nngp, ntk, rescaled):
        levels = [level(c) for c in ax.lines if c.get_linestyle() == ":"]
        assert levels == pytest.approx([2, 4])
    r, plain = line(nngp, label="$L = 1000$")
    _, tangent = line(ntk, label="$L = 1000$")
    window = r < 3e-3
    close(plain[window], 2.0, rel=1e-5)  # h falls as r^-2 (1 + O(r^2)), with ripples of 5e-8
    assert tangent[0] == pytest.approx(4, abs=1e-5)
    assert tangent.min() < 2.2
    # beyond the saturation at sqrt(2) 2^(-L/2) = 0.044 layers are too few for any exponent
    _, few = line(nngp, label="$L = 10$")
    assert few[0] < 1e-3
    dots = [c for c in ntk.lines if c.get_marker() == "o"]
    at = [float(np.asarray(c.get_xdata(), float)[0]) for c in dots]
    close(at, [2 / math.sqrt(n + 1) for n in kernels.DEPTHS])  # alpha B'/(B' - 1) = 4
    half = [level(c) for c in dots]
    assert half[-1] == pytest.approx(3, abs=0.01)  # halfway from 4 to 2, up to O(r^2)
    x, y = line(rescaled, linestyle="--")
    close(y, 2 + 2 / (1 + x**2))
    x, found = line(rescaled, label="$L = 1000$")
    near = x < 1
    close(found[near], np.interp(x[near], *line(rescaled, linestyle="--")), rel=0, absolute=0.01)


def test_relu_needs_all_the_layers() -> None:
    depths = [1, 10, 1000, 10_000]
    found = kernels.relu_ntk((1.0, 0.1), tuple(depths))
    for (r, n), value in RELU.items():
        assert found[depths.index(n), (1.0, 0.1).index(r)] == pytest.approx(value, rel=2e-12)
    _, (left, right) = drawn("ntk_relu")
    for size in kernels.PAIRS:
        x, y = line(left, label=f"$r = {size:g}$")
        assert (x[0], x[-1]) == (1, 50_000)
        assert (np.diff(y) < 0).all()
    assert y[-1] > 0.29  # r = 0.001: far from 1/4 yet
    at, apart = line(right, label="$L = 10000$")
    _, law = line(right, linestyle="--")
    close(law * at, 3 * math.pi / 4)
    middle = (at > 3e-3) & (at < 0.02)  # 1/L << r << 1
    close(apart[middle], law[middle], rel=0.06)


# --- finite depth ---------------------------------------------------------------------------------


def test_agreement_over_depth() -> None:
    _, axes = drawn("classifiers_depth")
    for ax, panel in zip(axes, depth.PANELS, strict=False):
        for (reference, _), (x, y, half) in zip(depth.REFERENCES, points(ax), strict=True):
            firsts = [f"{panel.kernel}:{n}:{panel.activation}" for n in panel.depths]
            close(x, panel.depths)
            close(y, [agreement(reference, first) for first in firsts])
            close(half, Z * ERROR)
    assert all(panel.points % 2 for panel in depth.PANELS)  # no ties


# --- risks ----------------------------------------------------------------------------------------


def test_excess_over_the_sample_size() -> None:
    _, axes = drawn("classifiers_consistency")
    for ax, d in zip(axes, (1, 2, 4), strict=True):
        methods = (*consistency.deep(d), *consistency.shallow(d))
        for method, (_, y, half) in zip(methods, points(ax), strict=True):
            close(y, [excess(method, n, d) for n in consistency.SIZES])
            close(half, Z * ERROR)
        dashes = [level(c) for c in ax.lines if c.get_linestyle() == "--"]
        majority = next(c for c in ax.lines if c.get_label() == "majority vote")
        close(majority.get_ydata(), 0.4 - BAYES[d])
        assert f"{BAYES[d]:.4f}" in ax.get_title()
        if d == 1:
            close(dashes[:3], [LIMITS[a] for a in (math.inf, 2.0, 0.5)], rel=1e-9)
            assert 0 < dashes[3] < LIMITS[1.2]  # sin, alpha = 1.19: not consistent
        else:
            assert dashes[1] < dashes[0]


def test_activations_have_the_exponent_of_their_dimension() -> None:
    for d in consistency.DIMENSIONS:
        duals = [theory.dual(m.removeprefix("limit:")) for m in consistency.deep(d)]
        expected = (d, d) if d > 1 else (1, 1.185565769445566)
        close([theory.exponent(x) for x in duals], expected, rel=1e-12)


def test_accuracy_between_its_lines() -> None:
    _, axes = drawn("classifiers_accuracy")
    for ax, d in zip(axes, BAYES, strict=True):
        levels = {str(c.get_label()): level(c) for c in ax.lines}
        close(levels["Bayes rule"], 1 - BAYES[d], rel=1e-12)
        close(levels["majority vote"], 0.6)
        series = points(ax)
        for method, (_, y, half) in zip(
            (*consistency.deep(d), *consistency.shallow(d)), series, strict=True
        ):
            close(y, [1 - BAYES[d] - excess(method, n, d) for n in consistency.SIZES])
            close(half, Z * ERROR)
    close(
        1 - BAYES[1] - LIMITS[math.inf],
        next(c for c in axes[0].lines if c.get_label() == "nearest neighbour, limit").get_ydata(),
    )


def test_limit_risk_over_the_exponent() -> None:
    _, (left, right) = drawn("classifiers_limit_risk")
    below, above = (line(left, label=label) for label in ("global average", "stable law"))
    for alpha, value in LIMITS.items():
        x, y = below if alpha < 1 else above
        if alpha < 1:
            assert y[x == alpha] == pytest.approx(value, rel=1e-4)  # digits of the notes
        elif alpha < 16:  # drawn straight between points that are 5 % apart
            assert np.interp(alpha, x, y) == pytest.approx(value, rel=5e-3)
    close(below[1][below[0] <= 0.25], 0.16, rel=1e-9)
    for n, (x, y, half) in zip(consistency.MEASURED_AT, points(left), strict=True):
        close(x, consistency.POWERS)
        close(y, [excess(f"hilbert:{a:g}", n, 1) for a in x])
        close(half, Z * ERROR)
    curves = [c for c in right.lines if len(np.asarray(c.get_xdata())) > 10]
    assert len(curves) == 3
    for c in curves:
        y = np.asarray(c.get_ydata())
        close((y[0], y[-1]), (1, 0))
        assert (np.diff(y) < 0).all()
    found = np.interp([0.5, 0.25, 0.125], *np.asarray(curves[0].get_data(), float))
    expected = [LIMITS[a] / LIMITS[math.inf] for a in (2.0, 4.0, 8.0)]
    close(found, expected, rel=1e-3)  # between few computed points
    _, y, half = points(right)[1]
    one = consistency.excess(2, math.inf)
    close(y, [excess(f"hilbert:{2 * x:g}", 10_000, 2) / one for x in consistency.RATIOS])
    close(half, Z * ERROR / one)


# --- simulations ----------------------------------------------------------------------------------


def test_the_runs_are_cheap() -> None:
    jobs = {job for d in FIGURES for job in d.jobs}
    pairs = sum(
        j.samples * j.params.points * j.params.test * len(j.params.methods)
        for j in jobs
        if any(m.startswith("limit") for m in j.params.methods)
    )
    assert pairs < 5e8  # 70 ns each


@pytest.mark.parametrize("name", ["classifiers_depth", "classifiers_consistency"])
def test_the_simulation_yields_what_the_figure_reads(name: str) -> None:
    drawing = next(d for d in FIGURES if d.name == name)
    job = drawing.jobs[0]
    p = replace(job.params, points=15, test=2)
    (found,) = run([Job(job.experiment, p, 2)], seed=1)
    _, *others = p.methods
    kind = "agreement" if name == "classifiers_depth" else "excess"
    for method in others if kind == "agreement" else p.methods:
        assert 0 <= mean(found, f"{kind}@{method}").value <= 1
