"""Sums over samples against numpy in one pass, however the samples are cut."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simulations import core
from simulations.accumulators import Counts, Moments, from_json, merge, not_finite, to_json

core.setup()

CUTS = [(1, 999), (500, 500), (0, 1000), (1000, 0), (1, 1, 0, 3, 995), (7,) * 142 + (6,)]
ULPS = 1e-11
"""A few hundred roundings, each relative to the sum of the absolute values."""


@pytest.fixture(scope="module")
def of() -> Any:
    return jax.jit(Moments.of)


def samples(offset: float = 0.0, kind: str = "lognormal") -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(1)
    x = rng.lognormal(0, 0.5, 1000) if kind == "lognormal" else rng.standard_normal(1000)
    return (x + offset).astype(np.float32)


def exact(x: np.ndarray[Any, Any]) -> Moments:
    """The definition, in extended precision."""
    x = x.astype(np.longdouble)
    d = x - x.mean()
    return Moments(x.size, x.mean(), (d**2).sum(), (d**3).sum(), (d**4).sum())


def assert_close(found: Moments, x: np.ndarray[Any, Any]) -> None:
    wanted = exact(x)
    deviation = np.abs(x.astype(np.longdouble) - wanted.mean)
    assert float(found.n) == x.size
    assert abs(float(found.mean) - wanted.mean) <= ULPS * np.abs(x).max()
    for k, name in ((2, "m2"), (3, "m3"), (4, "m4")):
        error = abs(np.longdouble(getattr(found, name)) - getattr(wanted, name))
        # The mean is rounded relative to the offset, and moves sums of odd powers.
        scale = (deviation**k).sum() + np.abs(x).max() * (deviation ** (k - 1)).sum()
        assert error <= ULPS * scale, name


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
@pytest.mark.parametrize("cuts", CUTS, ids=lambda c: "+".join(map(str, c[:5])))
def test_moments_do_not_depend_on_the_cuts(cuts: tuple[int, ...], offset: float, of: Any) -> None:
    x = samples(offset)
    assert sum(cuts) == x.size
    valid = np.arange(1000)
    ends = np.cumsum((0, *cuts))
    parts = [of(x, (a <= valid) & (valid < b)) for a, b in itertools.pairwise(ends)]
    parts = [Moments(*map(np.asarray, part)) for part in parts]
    assert_close(functools.reduce(Moments.merge, parts), x)
    right = functools.reduce(lambda a, b: b.merge(a), reversed(parts))
    assert_close(right, x)


def test_large_offset_in_single_precision_keeps_the_variance(of: Any) -> None:
    # E x^2 - (E x)^2 in float32 would lose every digit here.
    x = samples(1e4, "normal")
    assert float(of(x, True).m2) / 1000 == pytest.approx(x.astype(float).var(), rel=1e-10)


def test_entries_without_mask_are_not_looked_at(of: Any) -> None:
    x = samples()
    dirty = x.copy()
    dirty[::3], dirty[1::3] = np.nan, np.inf
    keep = np.arange(1000) % 3 == 2
    assert_close(of(dirty, keep), x[keep])


def test_masks_per_row(of: Any) -> None:
    x = np.stack([samples(), samples(3.0)])
    keep = np.stack([np.arange(1000) < 10, np.arange(1000) >= 990])
    found = of(x, keep)
    for row in (0, 1):
        assert_close(Moments(*(field[row] for field in found)), x[row][keep[row]])


def test_empty_sides(of: Any) -> None:
    x = samples()
    empty, full = of(x, False), of(x, True)
    for a, b in ((empty, full), (full, empty)):
        assert all(map(np.array_equal, a.merge(b), full))
    nothing = empty.merge(empty)
    assert all(float(field) == 0 for field in nothing)


def test_merging_on_jax_and_numpy_agree(of: Any) -> None:
    a, b = of(samples(), True), of(samples(2.0), True)
    on_jax = jax.jit(Moments.merge)(a, b)
    on_numpy = Moments(*map(np.asarray, a)).merge(Moments(*map(np.asarray, b)))
    np.testing.assert_allclose(np.array(on_jax), np.array(on_numpy), rtol=1e-14)


# --- counts ---------------------------------------------------------------------------------------


def test_bins_are_open_on_the_left_and_closed_on_the_right() -> None:
    edges = np.array([-1.0, 0.0, 2.0])
    values = np.array([-5.0, -1.0, -0.5, 0.0, 1e-300, 2.0, 2.0, 2.1, np.inf, -np.inf])
    assert Counts.of(values, edges).counts.tolist() == [3, 2, 3, 2]


def test_counts_against_numpy() -> None:
    edges = np.linspace(-2, 2, 33).astype(np.float32)
    values = np.concatenate([samples(0.0, "normal"), edges, edges])
    # numpy's bins are closed on the left; mirroring closes ours on the right.
    bins = [-np.inf, *(-edges[::-1].astype(float)), np.inf]
    wanted = np.histogram(-values.astype(float), bins)[0][::-1]
    found = Counts.of(jnp.asarray(values), jnp.asarray(edges))
    assert found.counts.tolist() == wanted.tolist()
    assert found.counts.dtype == np.int64
    half = Counts.of(jnp.asarray(values), jnp.asarray(edges), np.arange(values.size) % 2 == 0)
    rest = Counts.of(jnp.asarray(values), jnp.asarray(edges), np.arange(values.size) % 2 == 1)
    assert half.merge(rest).counts.tolist() == wanted.tolist()


# --- blocks ---------------------------------------------------------------------------------------


def test_json_is_exact(of: Any) -> None:
    x = np.stack([samples(), samples(1e4)]) * np.float32(1e-30)
    block = {"m": of(x, True), "c": Counts.of(x[0], np.array([0.0]))}
    block = {name: type(acc)(*map(np.asarray, acc)) for name, acc in block.items()}
    back = from_json(json.loads(core.canonical(to_json(block))))
    for name, accumulator in block.items():
        assert type(back[name]) is type(accumulator)
        for one, two in zip(accumulator, back[name], strict=True):
            assert one.dtype == two.dtype
            assert one.tobytes() == two.tobytes()


def test_json_keeps_extreme_numbers() -> None:
    tiny = np.array([5e-324, -0.0, 1.7976931348623157e308, 2.0**53 + 2, 1 / 3])
    back = from_json(json.loads(json.dumps(to_json({"m": Moments(*[tiny] * 5)}))))["m"]
    assert back[0].tobytes() == tiny.tobytes()
    large = {"c": Counts(np.array([2**62, 0]))}
    assert from_json(json.loads(json.dumps(to_json(large))))["c"].counts.tolist() == [2**62, 0]


def test_blocks_merge_by_name(of: Any) -> None:
    a, b = of(samples(), True), of(samples(1.0), True)
    both = merge({"u": a, "v": b}, {"v": a, "u": b})
    assert float(both["u"].n) == 2000
    assert float(both["u"].mean) == pytest.approx(float(both["v"].mean))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_names_the_statistic(bad: float, of: Any) -> None:
    x = samples()
    good = of(x, True)
    worse = of(np.where(np.arange(1000) == 17, np.float32(bad), x), True)
    assert not_finite({"a": good}) is None
    assert not_finite({"a": good, "b": worse}) == "b"


@pytest.mark.parametrize(
    "call", ["Moments.of(numpy.zeros(3))", "Counts.of(numpy.zeros(3), numpy.zeros(1))"]
)
def test_single_precision_sums_are_refused(call: str) -> None:
    code = (
        "import numpy\nfrom simulations.accumulators import Moments, Counts\n"
        f"try: {call}\nexcept TypeError as e: print(e)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert "jax_enable_x64; call simulations.core.setup()" in done.stdout
