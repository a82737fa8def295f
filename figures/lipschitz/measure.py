"""Measure what takes long or needs the digits: python -m figures.lipschitz.measure.

Bounds and times of all methods on random networks of growing depth and width, on one core, and how
far trained classifiers of scikit-learn's digits can be certified.  The answers are kept in
measured.json, since times depend on the machine.
"""

import argparse
import itertools
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from figures.lipschitz.networks import random_network, trained

FILE = Path(__file__).resolve().parent / "measured.json"
WIDTH, MATRICES = 16, 4
DEPTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
TOLERANCE = 1e-3
LONG = 4.0
"""Seconds; a method that takes longer is not asked for a larger network."""
ENOUGH = 0.2
"""Seconds over which a short time is measured again."""
SHAPES = {"depth": [(n, [WIDTH] * (n + 1)) for n in DEPTHS]} | {
    "width": [(n, [n] * (MATRICES + 1)) for n in WIDTHS]
}
METHODS = {
    "relu": ("product", "lambda-only", "eclipse-fast", "lipsdp", "interior-point", "fgl"),
    "maxmin": ("product", "rr", "lambda-only", "nsr-diag", "nsr-full", "interior-point", "fgl"),
}
CLASSIFIERS = ("maxmin-64-32-32-10", "relu-64-32-32-10")
TEST, SEED = 360, 1
"""Images that the classifiers were not trained on, and the shuffle that says which."""


def main() -> int:
    """Measure all, write the file and say where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    file = parser.parse_args().out
    try:
        x, y = images()
    except ImportError:
        print(
            "The digits need scikit-learn; install the extra: pip install .[data]", file=sys.stderr
        )
        return 2
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    with threadpool_limits(1):
        found = list(growth())
        circles = {name: radii(name, x, y) for name in CLASSIFIERS}
    rows = ",\n  ".join(json.dumps(row) for row in found)
    ends = ",\n  ".join(f'"{name}": {json.dumps(value)}' for name, value in circles.items())
    text = f'{{"growth": [\n  {rows}\n ],\n "radii": {{\n  {ends}\n }}}}\n'
    file.write_text(text, encoding="utf-8")
    print(file)
    return 0


# --- growth ---------------------------------------------------------------------------------------


def growth() -> Iterator[dict[str, Any]]:
    """Logarithm of the bound and seconds of every method on every network, while it is quick."""
    from theory.lipschitz import lower_bound

    for (activation, methods), axis in itertools.product(METHODS.items(), SHAPES):
        for method in (*methods, "found"):
            for size, widths in SHAPES[axis]:
                network = random_network(activation, widths)
                row = {"activation": activation, "axis": axis, "method": method, "size": size}
                if method == "found":
                    value = lower_bound(network).value
                    if value > 0:
                        yield row | {"log": math.log(value), "seconds": None}
                    continue
                found = timed(network, method)
                if found is None:
                    break
                print(*row.values(), *found, file=sys.stderr)
                yield row | {"log": found[0], "seconds": found[1]}
                if found[1] > LONG:
                    break


def timed(network: Any, method: str) -> tuple[float, float] | None:
    """Logarithm of the certified bound, and the least processor time; None where there is none."""
    from theory.lipschitz import bound

    best, total = math.inf, 0.0
    while total < ENOUGH:
        start = time.process_time()
        try:
            found = bound(network, method=method, tolerance=TOLERANCE)
        except ValueError:  # too many patterns
            return None
        spent = time.process_time() - start
        best, total = min(best, spent), total + spent
    # Methods that bracket an optimum count where the bracket is closed.
    if not found.certified or found.gap > 2 * TOLERANCE:
        return None
    return found.log_upper, best


# --- radii ----------------------------------------------------------------------------------------


def images() -> tuple[Any, Any]:
    """The images that the networks were not trained on, (360, 64), and their labels."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # it has no types

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))[:TEST]
    return x[order] / 16, y[order]


def radii(name: str, x: Any, y: Any) -> dict[str, list[float]]:
    """Sorted radii by every bound, and distances of changed labels; 0 where the label is wrong."""
    from theory.lipschitz import Margins, bound, certified_radii, margins

    network = trained(name)
    pairs = margins(network)
    asked: dict[str, Any] = {"pairs": pairs}
    for method in ("auto", "product"):
        constant = math.nextafter(math.sqrt(2), 2) * bound(network, method=method).upper
        upper = np.full_like(pairs.upper, math.nextafter(constant, math.inf))
        asked[method] = Margins(upper, np.zeros_like(upper), {}, "l2")
    found = {key: certified_radii(network, x, constants) for key, constants in asked.items()}
    sizes = {key: np.where(one.labels == y, one.radii, 0.0) for key, one in found.items()}
    sizes["attack"] = np.where(network(x).argmax(axis=1) == y, distances(network, x), 0.0)
    if (sizes["attack"] < sizes["pairs"]).any():
        raise AssertionError("a certified radius is refuted.")
    # Rounded down, so that what is certified stays so.
    return {key: (np.floor(1e5 * np.sort(size)) / 1e5).tolist() for key, size in sizes.items()}


def distances(network: Any, x: Any, steps: int = 40) -> Any:
    """Distances of points with another label, by steps to the nearest linearised boundary."""
    label = network(x).argmax(axis=1)
    now, rows = x.copy(), np.arange(len(x))
    best = np.full(len(x), np.inf)
    for _ in range(steps):
        gap, slope = _linearised(network, now, label)
        far = np.linalg.norm(slope, axis=2)
        far[rows, label] = 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            nearest = np.where(far > 0, gap / far, np.inf).argmin(axis=1)
        way, size = slope[rows, nearest], far[rows, nearest][:, None]
        # To the boundary as it looks from here, a little further, and back towards x along it.
        shift = now - x - (1.02 * gap[rows, nearest][:, None] / size**2 + 1e-6) * way
        near = _shortened(network, x, shift, label)
        best = np.minimum(best, near)
        direction = -way / size
        # The point of the plane nearest to x is where the next linearisation is taken.
        along = np.sum(shift * direction, axis=1)[:, None] * direction
        now = x + along
    return best


def _linearised(network: Any, x: Any, label: Any) -> tuple[Any, Any]:
    """f_label - f_j (points, labels), inf for j = label, and its gradients."""
    from theory.lipschitz.linearised import Linearised

    local, rows = Linearised(network, x.T), np.arange(len(x))
    ways = [
        local.backward(np.outer(np.arange(network.outputs) == j, np.ones(len(x)))).T
        for j in range(network.outputs)
    ]
    slopes = np.stack(ways, axis=1)
    values = local.value.T
    gap = values[rows, label][:, None] - values
    gap[rows, label] = np.inf
    return gap, slopes[rows, label][:, None, :] - slopes


def _shortened(network: Any, x: Any, shift: Any, label: Any) -> Any:
    """Length of `shift`, cut to where the label changes; inf where it does not change."""
    low, high = np.zeros(len(x)), np.ones(len(x))
    fooled = network(x + shift).argmax(axis=1) != label
    for _ in range(30):
        middle = (low + high) / 2
        changed = network(x + middle[:, None] * shift).argmax(axis=1) != label
        low, high = np.where(changed, low, middle), np.where(changed, middle, high)
    return np.where(fooled, high * np.linalg.norm(shift, axis=1), np.inf)


if __name__ == "__main__":
    raise SystemExit(main())
