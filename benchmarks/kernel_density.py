"""Kernel density at given points against scipy and scikit-learn, interleaved, on one core.

    python benchmarks/kernel_density.py [--rounds 5] [--points 100000] [--dimension 20]

Speed: milliseconds a query of `simulations.kernel_density.evaluate` (log density alone, and with
all shares and five neighbours) against `scipy.stats.gaussian_kde.logpdf` at the same density, that
of whitened normal data; numpy's product form with log-sum-exp for comparison, and scikit-learn
where it is installed.  Beside it the largest error of log density against scipy.special.logsumexp
of the literal distances.

Accuracy: log density of standard normal data, n = 2000, at 200 new points of it: scikit-learn's
KernelDensity with rtol = atol = 0, whose error is some 1e-16 of the largest kernel, not of the sum;
gaussian_kde.pdf, which underflows; the product form, in float32 and float64, also for a cluster at
distance 1e6 from the origin.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import gaussian_kde

from simulations import engines
from simulations.arrays import Held
from simulations.kernel_density.coordinates import frame
from simulations.kernel_density.evaluate import kernel_sums, log_density

engines.start_jax_on_one_core()
Array = np.ndarray[Any, Any]


def literal(x: Array, y: Array, h: float) -> Array:
    """Log density from directly computed distances, one query after the other."""
    n, d = y.shape
    scale = np.log(n) + d / 2 * np.log(2 * np.pi * h * h)
    return np.array([logsumexp(-np.sum((y - q) ** 2, axis=1) / (2 * h * h)) - scale for q in x])


def product(x: Array, y: Array, h: float, tile: int = 2048) -> Array:
    """The same with |x|^2 + |y|^2 - 2 <x, y>, in the type of the arrays."""
    n, d = y.shape
    least = np.full(len(x), np.inf)
    total = np.zeros(len(x))
    for i in range(0, n, tile):
        part = y[i : i + tile]
        r2 = x @ part.T
        r2 *= -2
        r2 += np.sum(x * x, axis=1)[:, None]
        r2 += np.sum(part * part, axis=1)
        new = np.minimum(least, r2.min(axis=1))
        total *= np.exp((new - least) / (2 * h * h))
        total += np.exp((new[:, None] - r2) / (2 * h * h)).sum(axis=1)
        least = new
    return np.log(total) - least / (2 * h * h) - np.log(n) - d / 2 * np.log(2 * np.pi * h * h)


def ours(x: Array, y: Array, h: float) -> Array:
    """Log density alone."""
    return log_density(kernel_sums(x, [(0, y)], [h], shares=False), [h], y.shape[1])[0]


def learned(y: Array, h: float) -> Any:
    """scikit-learn's estimator at its most accurate, or None where it is missing."""
    try:
        from sklearn.neighbors import KernelDensity
    except ImportError:
        return None
    return KernelDensity(bandwidth=h, rtol=0, atol=0).fit(y)


def speed(points: int, dimension: int, rounds: int) -> None:
    rng = np.random.default_rng(1)
    table = Held([rng.standard_normal((points, dimension))])
    kde = gaussian_kde(table.arrays[0].T)
    f, h = frame(table, True), float(kde.factor)
    few, many = rng.standard_normal((16, dimension)), rng.standard_normal((256, dimension))
    z = f.of(table.arrays[0])

    def whitened(x: Array, full: bool) -> Array:
        sums = kernel_sums(f.of(x), f.blocks(table), [h], None, 5 * full, full)
        return log_density(sums, [h], dimension)[0] + f.log_jacobian

    runs: dict[str, tuple[Callable[[Array], Array], Array]] = {
        "scipy gaussian_kde.logpdf": (lambda x: kde.logpdf(x.T), few),
        "here, log density": (lambda x: whitened(x, False), many),
        "here, all sums, neighbours": (lambda x: whitened(x, True), many),
        "numpy product form": (lambda x: product(f.of(x), z, h) + f.log_jacobian, many),
    }
    tree = learned(z, h)
    if tree is not None:
        runs["scikit-learn KernelDensity"] = (
            lambda x: tree.score_samples(f.of(x)) + f.log_jacobian,
            few[:4],
        )
    times: dict[str, list[float]] = {name: [] for name in runs}
    errors = {}
    for turn in range(rounds + 1):
        for name, (run, x) in runs.items():
            begin = time.perf_counter()
            found = run(x)
            if turn:  # the first compiles
                times[name].append((time.perf_counter() - begin) / len(x) * 1e3)
            else:
                exact = literal(f.of(x[:4]), z, h) + f.log_jacobian
                errors[name] = float(np.max(np.abs(found[:4] - exact)))
    base = times["scipy gaussian_kde.logpdf"]
    print(f"N = {points}, d = {dimension}, h = {h:.4f}; {rounds} interleaved rounds")
    print(f"{'':28}{'ms/query':>10}{'scipy is slower':>17}{'error':>10}")
    for name, found in times.items():
        ratio = statistics.median(b / t for b, t in zip(base, found, strict=True))
        print(f"{name:28}{statistics.median(found):10.3f}{ratio:16.1f}x{errors[name]:10.1e}")


def accuracy() -> None:
    print("\nlargest (median) error of log density at 200 new points, n = 2000, nats")
    head = ("case", "here", "scikit-learn", "product", "product float32", "gaussian_kde.pdf = 0")
    print("".join(f"{cell:>22}" for cell in head))
    for d, h, shift in [
        (20, 0.7, 0.0),
        (30, 0.7, 0),
        (60, 1.0, 0),
        (100, 1.1, 0),
        (3, 0.003, 1e6),
        (400, 0.9, 0),
    ]:
        whole = np.random.default_rng(d).standard_normal((2200, d)) * (0.01 if shift else 1) + shift
        y, x = whole[:2000], whole[2000:]
        exact = literal(x, y, h)
        with warnings.catch_warnings(action="ignore"):
            found = {
                "here": ours(x, y, h),
                "product": product(x, y, h),
                "float32": product(x.astype(np.float32), y.astype(np.float32), h),
            }
            tree = learned(y, h)
            cells = [f"d={d} h={h} at {shift:g}", _error(found["here"], exact)]
            cells.append("" if tree is None else _error(tree.score_samples(x), exact))
            cells += [_error(found[name], exact) for name in ("product", "float32")]
            zeros = np.mean(gaussian_kde(y.T, h).pdf(x.T) == 0)
            cells.append(f"{100 * zeros:.0f} %")
        print("".join(f"{cell:>22}" for cell in cells))


def _error(found: Array, exact: Array) -> str:
    gap = np.abs(found - exact)
    return f"{np.max(gap):.1e} ({np.median(gap):.1e})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=20)
    given = parser.parse_args()
    speed(given.points, given.dimension, given.rounds)
    accuracy()


if __name__ == "__main__":
    main()
