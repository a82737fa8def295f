"""What the figures of Lipschitz bounds show, read back from their axes.

Oracles: norms of matrix products, all patterns of a small network, other seeds and solvers, and
the order in which the bounds must come.
"""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from figures.lipschitz import bracket, growth, measure, radii, tightness
from figures.lipschitz.networks import COLORS, LABELS, MARKERS, TRAINED, random_network, trained
from tests.figures.reading import close
from tests.figures.results_lipschitz import drawn
from theory.lipschitz import Network, bound

GROUPED = [name for name in TRAINED if not name.startswith("relu")]


def relu_gain(network: Network) -> float:
    """Largest spectral norm over all patterns, one at a time."""
    first, *rest = network.weights
    gains = []
    sizes = [w.shape[1] for w in rest]
    for bits in itertools.product((0.0, 1.0), repeat=sum(sizes)):
        matrix, at = first, 0
        for weight, size in zip(rest, sizes, strict=True):
            matrix = weight @ (np.array(bits[at : at + size])[:, None] * matrix)
            at += size
        gains.append(np.linalg.norm(matrix, 2))
    return max(gains)


def test_methods_have_a_name_a_colour_and_a_marker() -> None:
    assert LABELS.keys() == COLORS.keys() == MARKERS.keys()
    looks = {(COLORS[m], MARKERS[m]) for m in LABELS if m != "lipsdp"}
    assert len(looks) == len(LABELS) - 1  # LipSDP is the same number as NSR at its optimum


# --- stored measurements --------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "maxmin"])
@pytest.mark.parametrize("axis", ["depth", "width"])
def test_stored_bounds_are_in_order(activation: str, axis: str) -> None:
    found = {
        method: dict(zip(*growth.series(activation, axis, method, "log"), strict=True))
        for method in (*measure.METHODS[activation], "found")
    }
    best = "lipsdp" if activation == "relu" else "nsr-full"
    open_by = math.log1p(2 * measure.TOLERANCE)
    chain = ("found", "fgl", best, "nsr-diag", "lambda-only", "product")
    for lower, upper in itertools.combinations([m for m in chain if m in found], 2):
        for size in found[lower].keys() & found[upper].keys():
            assert found[lower][size] <= found[upper][size] + open_by, (lower, upper, size)
    for size, value in found["interior-point"].items():
        assert abs(value - found[best][size]) <= open_by
    sizes = {size for size, _ in measure.SHAPES[axis]}
    assert found["product"].keys() == found[best].keys() == sizes
    assert all(sizes >= one.keys() for one in found.values())


def test_stored_products_and_patterns_are_right() -> None:
    for axis, shapes in measure.SHAPES.items():
        rows = dict(zip(*growth.series("relu", axis, "product", "log"), strict=True))
        for size, widths in shapes[:4]:
            weights = random_network("relu", widths).weights
            exact = sum(math.log(np.linalg.norm(w, 2)) for w in weights)
            assert rows[size] == pytest.approx(exact, abs=1e-7)
    (sizes, logs) = growth.series("relu", "width", "fgl", "log")
    assert sizes.tolist() == [4]
    exact = relu_gain(random_network("relu", measure.SHAPES["width"][0][1]))
    assert math.exp(logs[0]) == pytest.approx(exact, rel=1e-6)


def test_stored_times_are_those_of_every_bound() -> None:
    rows = json.loads(measure.FILE.read_text("utf-8"))["growth"]
    for row in rows:
        assert (row["seconds"] is None) == (row["method"] == "found")
    keys = [(r["activation"], r["axis"], r["method"], r["size"]) for r in rows]
    assert len(set(keys)) == len(keys)
    slow = [k for k, r in zip(keys, rows, strict=True) if (r["seconds"] or 0) > measure.LONG]
    for activation, axis, method, size in slow:  # the last of its line
        assert size == growth.series(activation, axis, method, "log")[0].max()


def test_measured_again() -> None:
    log, seconds = measure.timed(random_network("maxmin", [16] * 4), "nsr-full") or (0, 0)
    stored = dict(zip(*growth.series("maxmin", "depth", "nsr-full", "log"), strict=True))
    assert log == pytest.approx(stored[3], abs=2 * measure.TOLERANCE)
    assert 0 < seconds < measure.LONG
    assert measure.timed(random_network("relu", [16] * 4), "fgl") is None


@pytest.mark.parametrize("activation", ["relu", "maxmin"])
def test_lines_of_growth(activation: str) -> None:
    _, axes = drawn(f"lipschitz_growth_{activation}")
    for (row, key), (column, axis) in itertools.product(
        enumerate(("log", "seconds")), enumerate(("depth", "width"))
    ):
        ax = axes[2 * row + column]
        methods = [*measure.METHODS[activation], "found"][: None if key == "log" else -1]
        assert ax.get_xscale() == ax.get_yscale() == "log"
        for line, method in zip(ax.lines, methods, strict=True):
            sizes, values = growth.series(activation, axis, method, key)
            close(line.get_xdata(), sizes)
            close(line.get_ydata(), np.exp(values) if key == "log" else values)
            assert line.get_color() == COLORS[method]


# --- radii ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", measure.CLASSIFIERS)
def test_stored_radii(name: str) -> None:
    pytest.importorskip("sklearn")
    stored = growth.stored()["radii"][name]
    x, y = measure.images()
    fresh = measure.radii(name, x[:40], y[:40])
    for key, sizes in fresh.items():
        assert (np.diff(stored[key]) >= 0).all()
        assert len(stored[key]) == measure.TEST
        near = np.abs(np.array(sizes)[:, None] - np.array(stored[key])).min(axis=1)
        # Brackets of margins are closed to 1e-3; the way of an attack may differ elsewhere.
        assert (near < (1e-3 if key != "attack" else 0.02)).all()
    right = np.count_nonzero(trained(name)(x).argmax(axis=1) == y)
    for low, high in itertools.pairwise(("product", "auto", "pairs", "attack")):
        assert (np.array(stored[low]) <= np.array(stored[high]) + 1e-5).all()
        assert np.count_nonzero(stored[low]) <= right


def test_attack_finds_the_distance_to_a_plane() -> None:
    rng = np.random.default_rng(3)
    weight, x = rng.standard_normal((2, 5)), rng.standard_normal((7, 5))
    normal = weight[0] - weight[1]
    exact = np.abs(x @ normal) / np.linalg.norm(normal)
    close(measure.distances(Network([weight]), x), exact, rel=1e-4)


def test_curves_of_radii() -> None:
    _, axes = drawn("lipschitz_radii")
    for ax, name in zip(axes, measure.CLASSIFIERS, strict=True):
        assert ax.get_title() == TRAINED[name]
        for stairs, (key, _, color, _) in zip(ax.patches, radii.CURVES, strict=True):
            sizes = np.array(growth.stored()["radii"][name][key])
            values, edges, _ = stairs.get_data()  # type: ignore[attr-defined]  # of a StepPatch
            for radius in (0.05, 0.21, 0.4):
                shown = values[np.searchsorted(edges, radius, side="right") - 1]
                assert shown == pytest.approx(np.mean(sizes > radius))
            assert stairs.get_edgecolor() == pytest.approx(_rgb(color))


def _rgb(color: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgba

    return to_rgba(color)


# --- tightness and brackets -----------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
def test_bounds_of_trained_networks_are_in_order(name: str) -> None:
    found = tightness.values(name)
    best = "nsr-full" if name in GROUPED else "lipsdp"
    below = max(found[key] for key in tightness.BELOW)
    assert found["found"] <= found[best]
    assert below <= found.get("fgl", found[best]) * (1 + 1e-9)
    for key in ("nsr-diag", "lambda-only", "eclipse-fast", "product", "rr"):
        assert found[best] <= found.get(key, math.inf) * (1 + 1e-6)
    dense = bound(trained(name), method="interior-point", tolerance=1e-6)
    assert found[best] == pytest.approx(dense.upper, rel=1e-5)
    norms = [np.linalg.norm(w, 2) for w in trained(name).weights]
    assert found["product"] == pytest.approx(math.prod(norms), rel=1e-6)
    if name in GROUPED:  # S = P = 0 is not lossless
        assert found["nsr-diag"] > 1.02 * found[best]


def test_marks_of_tightness() -> None:
    _, (ax,) = drawn("lipschitz_tightness")
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == list(TRAINED.values())[::-1]
    found = tightness.values("maxmin-64-16-16-10")
    row = len(TRAINED) - 1
    marks = [line for line in ax.lines if line.get_marker() not in ("", "None", None)]
    at = {
        (round(float(np.ravel(m.get_xdata())[0]), 9), float(np.ravel(m.get_ydata())[0]))
        for m in marks
        if np.size(m.get_xdata()) == 1
    }
    for method, value in found.items():
        height = row - tightness.LOWER * (method in tightness.BELOW)
        assert (round(value / found["nsr-full"], 9), height) in at


@pytest.mark.parametrize("name", bracket.NETWORKS)
def test_brackets_close_around_the_optimum(name: str) -> None:
    k, dual, upper = bracket.bracket(name)
    dense = bound(bracket.network(name), method="interior-point", tolerance=1e-7)
    assert k.tolist() == list(bracket.ITERATIONS)
    assert (dual <= dense.log_upper + 1e-9).all()
    assert (upper >= math.log(dense.dual) - 1e-9).all()
    assert upper[-1] - dual[-1] < 1e-6
    best, worst = bracket.shortfalls(name)
    assert (best <= worst).all()
    assert best[0] > 0.005  # one pattern is not enough
    assert worst[-1] < 1e-9
    steps, gap = bracket.interior(name)
    assert (np.diff(steps) == 1).all()
    assert gap[-1] < 1e-6


def test_lines_of_the_bracket() -> None:
    _, (ends, widths, ranks) = drawn("lipschitz_bracket")
    name = "MaxMin, digits 64-16x5-10"
    k, dual, upper = bracket.bracket(name)
    close(ends.lines[1].get_ydata(), np.exp(dual))
    shown = np.isfinite(upper)
    close(ends.lines[0].get_ydata(), np.exp(upper[shown]))
    for at, one in enumerate(bracket.NETWORKS):
        k, dual, upper = bracket.bracket(one)
        shown = np.isfinite(np.expm1(upper - dual))
        line = widths.lines[2 * at]
        assert line.get_label() == one
        close(line.get_xdata(), k[shown])
        close(line.get_ydata(), np.maximum(np.expm1((upper - dual)[shown]), bracket.EXACT))
        close(ranks.lines[2 * at].get_xdata(), bracket.RANKS)
        close(
            ranks.lines[2 * at].get_ydata(), np.maximum(bracket.shortfalls(one)[0], bracket.EXACT)
        )
