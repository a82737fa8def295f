"""Certified Lipschitz bounds: against cvxpy with Clarabel, at scale, and how time grows; one core.

    OPENBLAS_NUM_THREADS=1 python benchmarks/lipschitz.py [--quick] [--networks DIR]

1. `bound` to a relative gap of 1e-4, with the certificate and without, interleaved with Clarabel on
   the dense matrix inequality of LipSDP at the same gap (the time inside Clarabel alone, without
   that of cvxpy).  Clarabel finds by itself that the matrix is chordal and cuts it into cliques of
   neighbouring layers; "whole" is its time where it may not.  ReLU networks.
2. Random ReLU networks to a certified relative gap of 1e-3.
3. Exponents of the time in width and depth, least squares of logarithms.
4. Interior point against ascent: whether the two brackets of the optimum overlap.
5. The networks in DIR to 1e-4: .mat files as published with LipSDP-NSR (MaxMin, cell W; `res` in
   front of the name: residual; `linf` in it: that norm) and with GLipSDP (`mlp_*`, struct params,
   of which the square matrices are one ReLU network).

Seconds are processor seconds of this process; with one thread and a free core they are those of
the clock, which stand beside them in 2.  `--quick` leaves out what takes longer than some seconds.
Random networks: normal weights with variance 1 / fan-in, seed 0.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from theory.lipschitz import Bound, Network, bound, load_network, verify_certificate
from theory.lipschitz.bounds import certified
from theory.lipschitz.solver import lipsdp

Array = np.ndarray[Any, Any]
Result = TypeVar("Result")

AGAINST: tuple[tuple[tuple[int, ...], float], ...] = (
    ((16, 16, 16, 4), 15),
    ((32, 32, 10), 15),
    ((16, 16, 16, 16, 16, 4), 100),
    ((32, 32, 32, 10), 100),
    ((32, 32, 32, 32, 32, 32, 10), 300),
)
"""Widths, and how much faster than Clarabel it should be: 32, 64 and 160 hidden units in all."""


class Large(NamedTuple):
    """A network of part 2."""

    name: str
    widths: tuple[int, ...]
    wanted: float
    """Seconds."""
    precision: str = "auto"


LARGE = (
    Large("512-512-10", (512, 512, 10), 0.5),
    Large("8 layers of 512", (512,) * 9, 6),
    Large("784-1024-1024-1024-10", (784, 1024, 1024, 1024, 10), 10),
    Large("50 layers of 128", (128,) * 51, 6),
    Large("40 layers of 512, float32", (512,) * 41, 60, "float32"),
)
WIDTHS = (64, 128, 256, 512, 1024)
DEPTHS = (4, 8, 16, 32, 64)
OVERLAP: tuple[tuple[tuple[int, ...], str], ...] = (
    ((3, 8, 2), "relu"),
    ((6, 10, 10, 4), "relu"),
    ((8, 16, 16, 16, 8), "relu"),
    ((10, 32, 1), "relu"),
    ((16,) * 9, "relu"),
    ((6, 10, 10, 4), "maxmin"),
    ((8, 16, 16, 16, 8), "maxmin"),
    ((6, 10, 10, 4), "leaky_relu:0.2"),
    ((8, 16, 16, 16, 8), "tanh"),
    ((16,) * 33, "relu"),
    ((64, 64, 64, 64, 10), "relu"),
)


def normal(widths: Sequence[int], activation: str = "relu", seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in itertools.pairwise(widths)],
        activation,
    )


def timed(
    run: Callable[..., Result], *arguments: Any, **options: Any
) -> tuple[Result, float, float]:
    """The result, processor seconds and seconds of the clock."""
    clock, begin = time.perf_counter(), time.process_time()
    found = run(*arguments, **options)
    return found, time.process_time() - begin, time.perf_counter() - clock


# --- 1. against Clarabel -----------------------------------------------------------------------


class Dense:
    """min rho subject to M >= 0, M = rho E_0 + sum l_i (p_i q_i' + q_i p_i') - C' C, by cvxpy."""

    def __init__(self, network: Network, gap: float, chordal: bool = True) -> None:
        import cvxpy
        import scipy.sparse

        *hidden, last = network.weights
        start = network.inputs
        size = start + sum(len(w) for w in hidden)
        e0 = scipy.sparse.diags_array((np.arange(size) < start).astype(float))
        columns, before = [_vector(e0)], 0
        for w in hidden:
            for i, row in enumerate(w):
                p = scipy.sparse.coo_array(([1.0], ([start + i], [0])), shape=(size, 1))
                r = np.zeros((size, 1))
                r[before : before + len(row), 0] = row
                outer = p @ scipy.sparse.csr_array(p - r).T  # slopes 0 and 1: p = e, q = e - r
                columns.append(_vector(outer + outer.T))
            before, start = start, start + len(w)
        constant = np.zeros((size, size))
        constant[before:, before:] = last.T @ last
        y = cvxpy.Variable(len(columns))
        form = scipy.sparse.hstack(columns, format="csr") @ y - constant.ravel()
        matrix = cvxpy.reshape(form, (size, size), order="C")  # type: ignore[attr-defined]
        self.problem = cvxpy.Problem(cvxpy.Minimize(y[0]), [matrix >> 0])
        # The gap of rho is twice that of its root.
        self.options = {
            "tol_gap_rel": 2 * gap,
            "tol_gap_abs": 1e-12,
            "chordal_decomposition_enable": chordal,
        }
        self.data, self.chain, self.inverse = self.problem.get_problem_data(
            cvxpy.CLARABEL, solver_opts=self.options
        )

    def solve(self) -> Any:
        return self.chain.solve_via_data(self.problem, self.data, False, False, self.options)

    def value(self, solution: Any) -> float:
        self.problem.unpack_results(solution, self.chain, self.inverse)
        return math.sqrt(self.problem.value)


def _vector(matrix: Any) -> Any:
    return matrix.tocsr().reshape((-1, 1))


def against_clarabel(quick: bool, gap: float = 1e-4) -> None:
    print(f"1. against cvxpy + Clarabel, relative gap {gap:g}, seconds")
    head = ("certified", "bare", "Clarabel", "ratio", "wanted", "whole", "ratio")
    print(f"{'network':24}" + "".join(f"{cell:>10}" for cell in head))
    for widths, wanted in AGAINST[: 3 if quick else 5]:
        network = normal(widths)
        dense = Dense(network, gap)
        ours, bare, theirs = [], [], []
        for _ in range(3 if max(widths) < 32 else 1):
            ours += [timed(bound, network, tolerance=gap)[1] for _ in range(5)]
            bare += [timed(lipsdp, network, tolerance=gap)[1] for _ in range(5)]
            solution, seconds, _ = timed(dense.solve)
            theirs.append(seconds)
        result = bound(network, tolerance=gap)
        mine, other = statistics.median(ours), statistics.median(theirs)
        cells = f"{'-':>10}{'-':>10}"
        if not quick and sum(widths[1:-1]) < 100:
            whole = timed(Dense(network, gap, chordal=False).solve)[1]
            cells = f"{whole:10.2f}{whole / mine:9.0f}x"
        print(
            f"{_name(widths):24}{mine:10.4f}{statistics.median(bare):10.4f}{other:10.3f}"
            f"{other / mine:9.0f}x{wanted:9.0f}x{cells}"
            f"   {result.dual:.7f} <= optimum <= {result.upper:.7f};"
            f" Clarabel {dense.value(solution):.7f}",
            flush=True,
        )


def _name(widths: Sequence[int]) -> str:
    return "-".join(map(str, widths))


# --- 2, 3. scale -------------------------------------------------------------------------------


def large(quick: bool, gap: float = 1e-3) -> None:
    print(f"\n2. random networks to a certified relative gap of {gap:g}")
    head = ("solve", "certify", "together", "wanted", "clock", "iterations", "gap")
    print(f"{'':27}" + "".join(f"{cell:>11}" for cell in head))
    for row in LARGE[: 4 if quick else 5]:
        network = normal(row.widths)
        candidate, solve, clock = timed(lipsdp, network, tolerance=gap, precision=row.precision)
        (certificate, note), certify, more = timed(certified, network, candidate)
        assert certificate is not None, note
        found = math.expm1(certificate.log2_upper * math.log(2) - candidate.log_dual)
        print(
            f"{row.name:27}{solve:11.2f}{certify:11.2f}{solve + certify:11.2f}{row.wanted:11g}"
            f"{clock + more:11.2f}{candidate.iterations:11}{found:11.1e}"
            f"   {certificate.upper:.8g}",
            flush=True,
        )


def growth(quick: bool, gap: float = 1e-3) -> None:
    print(f"\n3. growth of the seconds to a certified relative gap of {gap:g}")
    grids: tuple[tuple[str, tuple[int, ...], Callable[[int], tuple[int, ...]]], ...] = (
        ("width, 4 layers", WIDTHS, lambda n: (n,) * 5),
        ("depth, 64 units", DEPTHS, lambda n: (64,) * (n + 1)),
    )
    for name, sizes, shape in grids:
        sizes = sizes[: 4 if quick else 5]
        times: list[list[tuple[float, float, int]]] = [[] for _ in sizes]
        for _ in range(2):
            for size, row in zip(sizes, times, strict=True):
                network = normal(shape(size))
                candidate, solve, _ = timed(lipsdp, network, tolerance=gap)
                certify = timed(certified, network, candidate)[1]
                row.append((solve, certify, candidate.iterations))
        best = [min(row) for row in times]
        series = {
            "solve": [b[0] for b in best],
            "one iteration, checks included": [b[0] / b[2] for b in best],
            "certify": [b[1] for b in best],
            "together": [b[0] + b[1] for b in best],
        }
        print(f"{name + ' ' + ', '.join(map(str, sizes)):42}{'exponent':>9}{'upper half':>12}")
        for label, numbers in series.items():
            print(
                f"  {label:40}{_exponent(sizes, numbers):9.2f}"
                f"{_exponent(sizes[-3:], numbers[-3:]):12.2f}   "
                + " ".join(f"{x:.2g}" for x in numbers)
            )
        print(f"  {'iterations':61}   " + " ".join(str(b[2]) for b in best), flush=True)


def _exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


# --- 4, 5. interior point, published networks --------------------------------------------------


def overlap(quick: bool, gap: float = 1e-5) -> None:
    print(f"\n4. interior point and ascent, both to {gap:g}: brackets of the optimum")
    for widths, activation in OVERLAP[: -1 if quick else None]:
        for norm in ("l2", "linf"):
            network = normal(widths, activation)
            ours, first, _ = timed(bound, network, norm, tolerance=gap)
            points, second, _ = timed(bound, network, norm, "interior-point", gap)
            meet = max(ours.log_dual, points.log_dual) <= min(ours.log_upper, points.log_upper)
            name = _name(widths) if len(widths) < 9 else f"{len(widths) - 1} x {widths[0]}"
            print(
                f"{name:18}{activation:16}{norm:5} {'overlap' if meet else 'DISJOINT':9}"
                f"ascent {_bracket(ours, first)}  interior {_bracket(points, second)}",
                flush=True,
            )


def _bracket(found: Bound, seconds: float) -> str:
    return f"[{found.dual:.9g}, {found.upper:.9g}] {seconds:.2f} s"


def published(folder: Path, gap: float = 1e-4) -> None:
    files = sorted(folder.rglob("*.mat"))
    print(f"\n5. {len(files)} networks of {folder} to {gap:g}")
    for file in files:
        network, norm = _loaded(file)
        found, seconds, _ = timed(bound, network, norm, tolerance=gap)
        valid, checking = False, 0.0
        if found.certificate is not None:
            (valid, _), checking, _ = timed(verify_certificate, network, found.certificate)
        print(
            f"{file.stem:20} {norm:5}{found.upper:16.10g}  gap {found.gap:.1e}"
            f"{'' if found.gap <= 1.01 * gap else '  OPEN'}{seconds:9.2f} s"
            f"{found.iterations:6} iterations; certificate {'valid' if valid else 'REFUSED'},"
            f" checked in {checking:.3f} s",
            flush=True,
        )


def _loaded(file: Path) -> tuple[Network, str]:
    norm = "linf" if "linf" in file.name else "l2"
    if not file.name.startswith("mlp_"):
        return load_network(file, "maxmin", residual=file.name.startswith("res")), norm
    square = load_network(file, "relu").weights[1:-1]
    return Network([w.T for w in square], "relu"), norm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the longest runs")
    parser.add_argument("--networks", type=Path, metavar="DIR", help="published .mat files")
    given = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        parser.error("one core is measured: set OPENBLAS_NUM_THREADS=1.")
    against_clarabel(given.quick)
    large(given.quick)
    growth(given.quick)
    overlap(given.quick)
    if given.networks is not None:
        published(given.networks)


if __name__ == "__main__":
    main()
