"""Single paths: their law, their grid, and that they survive the store."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulations.core import Estimate, Job, run
from simulations.store import Store
from simulations.traces import MOST, TRACES, Params, times, trajectories

EVERY_PAIR = Params(width=3, depth=500, points=250, activation="linear", q0=4.0)
"""Linear networks: the increments of log |Y| are independent and of known law."""


def paths(p: Params, seed: int = 1, samples: int = MOST, **options: Any) -> np.ndarray[Any, Any]:
    (result,) = run([Job(TRACES, p, samples)], seed, **options)
    return trajectories(result, p)


def test_increments_of_a_linear_network_have_their_exact_law() -> None:
    """|Y_l|^2 / |Y_{l-1}|^2 = |e + sigma z|^2 is noncentral chi-square, sigma^2 = h/n.

    4000 pairs of layers; 4.9 standard errors, false alarm 1e-6 each.
    """
    kept = paths(EVERY_PAIR)
    steps = np.diff(np.log(kept), axis=1).ravel()
    sigma2 = EVERY_PAIR.time / EVERY_PAIR.depth / EVERY_PAIR.width
    layer = stats.ncx2(EVERY_PAIR.width, 1 / sigma2)
    half_log = lambda x: 0.5 * np.log(sigma2 * x)  # noqa: E731  # the increment of log |Y|
    mean = layer.expect(half_log)
    variance = layer.expect(lambda x: (half_log(x) - mean) ** 2)
    assert abs(steps.mean() - 2 * mean) < 4.9 * math.sqrt(2 * variance / steps.size)
    assert steps.var() / (2 * variance) == pytest.approx(1, abs=4.9 * math.sqrt(2.2 / steps.size))
    start = kept[:, 0] ** 2 / EVERY_PAIR.q0
    assert stats.kstest(start, stats.chi2(EVERY_PAIR.width).cdf).pvalue > 1e-6


def test_a_relu_path_that_starts_at_zero_stays_there() -> None:
    p = Params(width=1, depth=100, points=25)
    kept = np.concatenate([paths(p, seed=1), paths(p, seed=2)])
    frozen = kept[:, 0] == 0
    assert 0 < frozen.sum() < 2 * MOST  # false alarm 2 * 2^-32
    assert np.all(kept[frozen] == 0)
    assert np.all(np.isfinite(kept))
    assert np.all(kept[~frozen] > 0)  # probability of extinction 1e-21 a path


def test_fewer_paths_are_the_first_ones_and_the_grid_is_named(tmp_path: Path) -> None:
    p = EVERY_PAIR
    kept = paths(p)
    assert kept.shape == (MOST, 251)
    np.testing.assert_array_equal(times(p)[[0, 1, 250]], [0, 1 / 250, 1])
    (result,) = run([Job(TRACES, p, 2)], 1)
    np.testing.assert_array_equal(trajectories(result, p), kept[:2])
    first = result["path[1]@0.004"]
    assert isinstance(first, Estimate)
    assert (first.value, first.samples, first.stderr) == (kept[1, 1], 1, math.inf)


def test_paths_survive_the_store(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    kept = paths(EVERY_PAIR, store=Store(file))
    before = file.read_bytes()
    np.testing.assert_array_equal(kept, paths(EVERY_PAIR, store=Store(file, resume=True)))
    assert file.read_bytes() == before
    assert not np.array_equal(kept, paths(EVERY_PAIR, seed=2))


def test_too_many_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="keeps at most 16 paths"):
        paths(EVERY_PAIR, samples=MOST + 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width must be an integer >= 1; got 0."),
        ({"points": 0}, "points must be an integer >= 1; got 0."),
        ({"time": math.nan}, "time must be a finite number > 0; got nan."),
        ({"q0": -1.0}, "q0 must be a finite number > 0; got -1.0."),
        ({"depth": 10, "points": 4}, "depth must be a multiple of 8 for 4 points; got 10."),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Params(**wrong)
