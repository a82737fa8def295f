"""A value that a conic solver calls optimal is not a bound (finding, proved).

The answers in conic_values.json came from `paper_checks.lipschitz.conic_values`.  A printed rho
below a proven dual value is below the optimum, so no multipliers whatever prove it.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import cache, partial
from typing import Any

from paper_checks.core import Claim, Verdict
from paper_checks.lipschitz.brackets import Bracket, exactly, optimum, random_network, ratio, within

_SCS, _LOOSE, _CLARABEL = "SCS", "SCS, eps 1e-4", "Clarabel"
_BELOW = (
    (1, _SCS, "0.99998"),
    (1, _LOOSE, "0.99989"),
    (2, _LOOSE, "0.99997"),
    (7, _LOOSE, "0.999997"),
    (0, _CLARABEL, "0.999999995"),
)
"""Seed, solver, and an upper bound of the printed rho over the optimum's."""
_PROVEN = ((1, _SCS, "1.0007"), (1, _LOOSE, "1.002"), (2, _SCS, "1.002"), (2, _LOOSE, "1.005"))
"""Seed, solver, and a lower bound of what the multipliers prove over what was printed."""


@cache
def _answer(seed: int, solver: str) -> dict[str, Any]:
    from paper_checks.lipschitz.conic_values import FILE

    for answer in json.loads(FILE.read_text("utf-8"))["answers"]:
        if (answer["seed"], answer["solver"]) == (seed, solver) and answer["status"] == "optimal":
            return dict(answer)
    raise ValueError(f"{FILE} has no optimal answer of {solver} for seed {seed}.")


def _network(answer: dict[str, Any]) -> Any:
    return random_network(answer["seed"], tuple(answer["widths"]))


def _printed(seed: int, solver: str) -> Bracket:
    """The rho that was printed over the square of the optimum."""
    answer = _answer(seed, solver)
    best = optimum(_network(answer), "lipsdp")
    assert best.low is not None
    assert best.high is not None
    return ratio(exactly(Fraction(answer["rho"])), Bracket(best.low**2, best.high**2))


def _proven(seed: int, solver: str) -> Bracket:
    """The least rho that the multipliers prove, over the rho that was printed.

    From above by a certificate; from below by a vector on which the matrix inequality is evaluated.
    """
    import numpy as np

    from theory.lipschitz.candidate import Candidate
    from theory.lipschitz.certificate import certify, verify_certificate

    answer = _answer(seed, solver)
    network = _network(answer)
    rho = answer["rho"]
    multipliers = [np.array(numbers) for numbers in answer["multipliers"]]
    flat = (0,) * len(answer["widths"])
    claimed = (math.log(rho) / 2, flat, np.array([rho]), np.ones(1), (*multipliers, None))
    found = certify(network, Candidate("l2", "exact", *claimed))
    proved = found is not None and verify_certificate(network, found).valid
    high = Fraction(found.upper) ** 2 if found is not None and proved else None
    needed = _needed(network.weights, multipliers, 1.0 if high is None else float(high))
    return ratio(Bracket(needed, high), exactly(Fraction(rho)))


def _needed(weights: list[Any], multipliers: list[Any], rho: float) -> Fraction:
    """A rho that the inequality needs: rho |x|^2 >= |W_L e|^2 - 2 sum l e (e - v) for all (x, e).

    The vector is the least eigenvector of the matrix at `rho`, in floats; the rest is exact.
    """
    import numpy as np

    widths = [w.shape[1] for w in weights]
    ends = np.cumsum([0, *widths])
    matrix = np.zeros((ends[-1], ends[-1]))
    matrix[: widths[0], : widths[0]] = rho * np.eye(widths[0])
    for k, (w, numbers) in enumerate(zip(weights, multipliers, strict=False), start=1):
        now, before = (slice(ends[j], ends[j + 1]) for j in (k, k - 1))
        matrix[now, now] += 2 * np.diag(numbers)
        matrix[now, before] = -numbers[:, None] * w
        matrix[before, now] = matrix[now, before].T
    matrix[ends[-2] :, ends[-2] :] -= weights[-1].T @ weights[-1]
    vector = np.linalg.eigh(matrix)[1][:, 0]
    parts = [[Fraction(z) for z in part.tolist()] for part in np.split(vector, ends[1:-1])]
    gained = sum((y**2 for y in _applied(weights[-1], parts[-1])), Fraction(0))
    for w, numbers, x, e in zip(weights, multipliers, parts, parts[1:], strict=False):
        units = zip(numbers.tolist(), e, _applied(w, x), strict=True)
        gained -= 2 * sum((Fraction(n) * y * (y - v) for n, y, v in units), Fraction(0))
    return gained / sum(z**2 for z in parts[0])


def _applied(matrix: Any, vector: list[Fraction]) -> list[Fraction]:
    rows = (zip(row, vector, strict=True) for row in matrix.tolist())
    return [sum((Fraction(w) * z for w, z in row), Fraction(0)) for row in rows]


def _label(seed: int, solver: str) -> str:
    return f"{solver}, network of seed {seed}"


CLAIMS = (
    Claim(
        id="lipschitz/F1.optimal",
        source="plausible",
        provenance="derived",
        kind="formula",
        statement=(
            r"A value $\rho$ that a conic solver (SCS, Clarabel) reports as optimal for LipSDP is "
            r"an upper bound of the optimum, so $\sqrt\rho$ is a Lipschitz bound proved by it."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/F1.multipliers",
        method="interval",
        cases=tuple(
            within(_label(seed, solver), partial(_printed, seed, solver), 1, None)
            for seed, solver, _ in _BELOW
        ),
    ),
    Claim(
        id="lipschitz/F1.below",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"Values $\rho$ reported as optimal for small random ReLU networks are below the "
            r"optimum of LipSDP: by $2\cdot10^{-5}$ (SCS, seed 1), $1.1\cdot10^{-4}$, "
            r"$3\cdot10^{-5}$, $3\cdot10^{-6}$ (SCS with eps $10^{-4}$, seeds 1, 2, 7) and "
            r"$5\cdot10^{-9}$ (Clarabel, seed 0) at least, relative."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                _label(seed, solver),
                partial(_printed, seed, solver),
                None,
                most,
                {"the optimum or above": (1, None)},
            )
            for seed, solver, most in _BELOW
        ),
    ),
    Claim(
        id="lipschitz/F1.multipliers",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"The least $\rho$ that the multipliers returned by SCS prove exceeds "
            r"the printed one by the factors 1.0007, 1.002 (seed 1; SCS, SCS with eps "
            r"$10^{-4}$) and 1.002, 1.005 (seed 2) at least."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                _label(seed, solver),
                partial(_proven, seed, solver),
                least,
                None,
                {"they prove what was printed": (None, 1)},
            )
            for seed, solver, least in _PROVEN
        ),
    ),
)
