"""Proofs of the theorems on SELU: boxes of the prover, cells of the checker, and their times.

    python benchmarks/selu_proofs.py [--rounds 3] [--long]

Times are the best of the rounds, in milliseconds, on one core, in a warm process.  The published
proof of the contraction evaluates the norm on a grid of 3.2e9 points.  `--long` adds the funnel,
the global convergence, the window, and Theorem 3 down to a variance of 2e-4.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, TypeVar

from theory import rigor

PUBLISHED = 3.2e9
"""Grid points of the published argument: the range of each variable over its step, multiplied."""

Row = tuple[str, str, dict[str, Any], dict[str, Any]]
TAU = {"tau": ("0.95", "1.1")}
THEOREM_3B = {"nu": ("0.02", "0.24"), "tau": ("0.9", "1.25")}
QUICK: tuple[Row, ...] = (
    ("Theorem 1: box and S < 1", "theorem-1", {}, {}),
    ("Theorem 1: S < 0.897609", "contraction", TAU, {"norm": "0.897609"}),
    ("Lemma 12: S < 1, tau <= 1.25", "contraction", {}, {}),
    ("Lemma 12: S < 0.98903", "contraction", {}, {"norm": "0.98903"}),
    ("Theorem 2", "theorem-2", {}, {}),
    ("Theorem 2: margin 0.1197", "theorem-2", {}, {"margin": "0.1197"}),
    ("Theorem 3, tau >= 0.8", "theorem-3", {}, {}),
    ("Theorem 3, tau >= 0.9", "theorem-3", THEOREM_3B, {}),
    ("Theorem 3: margin 0.00773", "theorem-3", {}, {"margin": "0.00773"}),
    ("Theorem 3: margin 0.01102", "theorem-3", THEOREM_3B, {"margin": "0.01102"}),
    ("Theorem 16", "theorem-16", {}, {}),
    ("descent of the variance", "descent", {}, {}),
    ("alpha dropout, keep 0.95", "dropout", {}, {}),
)
LONG: tuple[Row, ...] = (
    ("Theorem 3, nu from 2e-4", "theorem-3", {"nu": ("0.0002", "0.4")}, {}),
    ("tau window: quotient falls", "window", {}, {}),
    ("tau window: both ends", "window-ends", {}, {}),
    ("funnel of 25 layers", "funnel", {}, {}),
    ("global convergence", "global", {}, {}),
)
TOGETHER = (
    "Theorem 1: box and S < 1",
    "Theorem 2",
    "Theorem 3, tau >= 0.8",
    "Theorem 3, tau >= 0.9",
)

T = TypeVar("T")


def best(function: Callable[[], T], rounds: int) -> tuple[T, float]:
    """The result and the shortest time in milliseconds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begin)
    return result, 1e3 * min(times)


def table(rows: tuple[Row, ...], rounds: int) -> None:
    """One line a statement."""
    print("| statement | boxes | prove, ms | cells | check, ms | published grid / boxes |")
    print("|---|---|---|---|---|---|")
    total = 0.0
    for label, name, domain, parameters in rows:
        found, proving = best(
            lambda n=name, d=domain, p=parameters: rigor.prove(f"selu/{n}", d, p), rounds
        )
        if not isinstance(found, rigor.Certificate):
            print(f"| {label} | not proved | {proving:.1f} | | | |")
            continue
        checked, checking = best(lambda found=found: rigor.check(found), 1)
        verdict = f"{checked.cells}" if checked.accepted else checked.reason
        ratio = f"{PUBLISHED / found.boxes:.1g}" if label.startswith("Lemma 12: S < 1") else ""
        print(f"| {label} | {found.boxes} | {proving:.1f} | {verdict} | {checking:.0f} | {ratio} |")
        total += proving if label in TOGETHER else 0
    print(f"\nTheorems 1 to 3 together: {total:.0f} ms to prove (goal: below 200).")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    table(QUICK + LONG * options.long, options.rounds)
