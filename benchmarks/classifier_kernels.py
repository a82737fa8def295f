"""Kernels of infinitely wide classifiers: infinite depth, depth 100, and the vote of many points.

    python benchmarks/classifier_kernels.py [--rounds 3] [--points 2000] [--depth 100]

Random points of the non-negative sphere, in double precision, on the cores that the process may
use.  neural-tangents computes the same kernels by its `kernel_fn` under jit, compilation left out;
ours starts from the coordinates too.  The two alternate within a round; times are medians.  What
neural-tangents returns is compared with ours, and its zeros and NaN are counted.  The vote runs in
a process of its own, for the peak of its memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from theory import ntk_classifiers as theory

SERIES = (0.0, 0.5, 0.0, 0.5)
"""D = (x + x^3)/2, of phi = (h_1 + h_3)/sqrt(2): consistent in dimension 2."""
POLYNOMIAL = (0.0, 0.5**0.5 * (1 - 3 / 6**0.5), 0.0, 0.5**0.5 / 6**0.5)
"""phi in powers of x; h_3 = (x^3 - 3 x)/sqrt(6)."""

Kernels = Callable[[np.ndarray[Any, Any]], tuple[Any, ...]]


def points(count: int, dimension: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Points of the sphere with coordinates >= 0, directions of uniform points of the simplex."""
    x = np.random.default_rng(seed).exponential(size=(count, dimension + 1))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def ours(depth: int, kinds: tuple[str, ...]) -> Kernels:
    def kernels(x: np.ndarray[Any, Any]) -> tuple[Any, ...]:
        r = theory.distances(x)
        return tuple(getattr(theory, kind)(SERIES, r, depth) for kind in kinds)

    return kernels


def neural_tangents(depth: int, dimension: int, kinds: tuple[str, ...]) -> Kernels:
    import jax

    jax.config.update("jax_enable_x64", True)
    from theory.neural_tangents import load_neural_tangents

    stax = load_neural_tangents().stax
    first = stax.Dense(1, W_std=(dimension + 1) ** 0.5, b_std=0.0)
    layer = (stax.Polynomial(list(POLYNOMIAL)), stax.Dense(1, W_std=1.0, b_std=0.0))
    _, _, kernel = stax.serial(first, *(depth * layer))
    both = jax.jit(lambda x: tuple(kernel(x, None, kinds)))

    def kernels(x: np.ndarray[Any, Any]) -> tuple[Any, ...]:
        return tuple(np.asarray(k) for k in both(x))

    begin = time.perf_counter()
    kernels(points(2, dimension))  # other shapes compile again: only tells that it runs
    print(
        f"(neural-tangents traces and compiles {depth} layers in "
        f"{time.perf_counter() - begin:.0f} s)"
    )
    return kernels


def seconds(function: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def infinite_depth(count: int, rounds: int) -> None:
    """h of all pairs, from the coordinates."""
    for name in ("optimal:1", "optimal:2", "sine:2.676", "optimal:8"):
        x = points(count, 2)
        times = [
            seconds(lambda x=x, n=name: theory.koenigs(n, theory.distances(x), log=True))
            for _ in range(rounds)
        ]
        print(f"| infinite depth, {name} | {statistics.median(times):.2f} s | below 2 s |")


def finite_depth(count: int, depth: int, rounds: int, dimension: int = 2) -> None:
    """NNGP and NTK of all pairs, both ways in turn."""
    x, kinds = points(count, dimension), ("nngp", "ntk")
    mine, theirs = ours(depth, kinds), neural_tangents(depth, dimension, kinds)
    expected, found = mine(x), theirs(x)  # compiles
    for kind, k, other in zip(kinds, expected, found, strict=True):
        good = np.isfinite(other) & (other != 0)
        off = np.abs(other[good] / k[good] - 1)
        print(
            f"{kind}: of {k.size} entries neural-tangents gives {np.isnan(other).sum()} NaN, "
            f"{(other == 0).sum()} zeros and {np.isinf(other).sum()} infinite; ours "
            f"{(~np.isfinite(k)).sum() + (k == 0).sum()}; the others differ by at most "
            f"{off.max(initial=0):.1e}, median {np.median(off) if off.size else 0:.1e}"
        )
    both: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        both[0].append(seconds(lambda: mine(x)))
        both[1].append(seconds(lambda: theirs(x)))
    own, other = (statistics.median(times) for times in both)
    print(f"| depth {depth}, NNGP and NTK, ours | {own:.2f} s | |")
    print(f"| depth {depth}, NNGP and NTK, neural-tangents | {other:.2f} s | |")
    print(f"| ratio | {other / own:.1f} | at least 5 |")


def vote(test: int = 10_000, train: int = 100_000, dimension: int = 2) -> None:
    """Every test point by all training points."""
    x, z = points(train, dimension, seed=1), points(test, dimension, seed=2)
    y = np.where(x[:, 0] > x[:, 1], 1.0, -1.0)
    theory.hilbert_vote(z[:10], x, y, float(dimension))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = seconds(lambda: theory.hilbert_vote(z, x, y, float(dimension)))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"| Hilbert vote, {test} on {train} points | {taken:.1f} s, {more:.0f} MiB more | "
        "bounded memory |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--vote", action="store_true", help="the vote alone")
    options = parser.parse_args()
    if options.vote:
        vote()
    else:
        print("| what | measured | wanted |\n|---|---|---|")
        infinite_depth(options.points, options.rounds)
        subprocess.run([sys.executable, __file__, "--vote"], check=True)
        finite_depth(options.points, options.depth, options.rounds)
