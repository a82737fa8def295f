"""C5: without a constant and a linear part the deep classifier is one nearest neighbour."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.ntk_classifiers import enclosures, symbolic
from theory import ntk_classifiers as theory

Array = npt.NDArray[np.float64]

HALF = (0.0, 0.0, 0.5, 0.5)
"""D = (x^2 + x^3)/2."""
BALLS = "0 0 1/2 1/2"
DISTANCES = ("0.3", "0.5", "1")

TRAIN, TEST, DEPTH = 40, 1000, 20
"""m^20 is a million: margins down to 3e-5 in G are told apart."""


def _logs(depth: int) -> list[float]:
    """-2^-L log Sigma_L in balls."""
    from theory.rigor.balls import precision

    with precision(400):
        dual = enclosures.named(BALLS)
        found = [enclosures.kernels(dual, enclosures.at(r), depth)[0].log() for r in DISTANCES]
        return [-float(v.mid()) / 2.0**depth for v in found]


def _bottcher(add: float = 0.0, scale: float = 1.0) -> list[float]:
    return [theory.bottcher(HALF, float(r)) * scale + add for r in DISTANCES]


def _monomial_logs(depth: int = 40, shift: int = 1) -> list[float]:
    """log K_L/m^L from the closed form of D = x^m, m = 2, 3, r = 0.5 and 1e-3."""
    found = []
    for m in (2, 3):
        for r in (0.5, 1e-3):
            log_x = math.log1p(-r * r / 2)
            # log(m^(L + shift) - 1), a rounding above m^L alone
            size = (depth + shift) * math.log(m) - math.log(m - 1)
            found.append((m**depth * log_x + size) / m**depth)
    return found


def _theory_monomial_logs(depth: int = 40) -> list[float]:
    return [
        theory.ntk([0.0] * m + [1.0], r, depth, log=True) / m**depth
        for m in (2, 3)
        for r in (0.5, 1e-3)
    ]


def _kernel_ratio(depth: int) -> float:
    """log(k(x, x_2)/k(x, x_1))/2^L for r_1 = 0.3, r_2 = 0.5, the NNGP."""
    logs = theory.nngp(HALF, np.array([0.3, 0.5]), depth, log=True)
    return float((logs[1] - logs[0]) / 2.0**depth)


def _points(count: int, first: int) -> Array:
    """Points of the non-negative part of the 2-sphere: a Kronecker sequence on the triangle."""
    n = np.arange(first, first + count)[:, None] + 0.5
    u = np.mod(n * np.array([0.7548776662466927, 0.5698402909980532]), 1.0)
    flipped = np.where(u.sum(axis=1, keepdims=True) > 1, 1 - u, u)
    t = np.append(flipped, 1 - flipped.sum(axis=1, keepdims=True), axis=1)
    return np.asarray(t / np.linalg.norm(t, axis=1, keepdims=True))


def _disagreements(spec: theory.Dual | str | tuple[float, ...], kind: str = "nngp") -> float:
    """Test points where f_L and the nearest neighbour differ in sign, of those told apart.

    Labels alternate along the sequence, so that neighbours on the sphere often differ.
    """
    train, test = _points(TRAIN, 0), _points(TEST, 10_000)
    y = np.where(np.arange(TRAIN) % 3 == 0, 1.0, -1.0)
    r = np.linalg.norm(test[:, None] - train, axis=-1)
    order = np.argsort(r, axis=1)[:, :2]
    nearest = np.take_along_axis(r, order, axis=1)
    g = theory.bottcher(HALF, nearest)
    told = 2.0**DEPTH * (g[:, 1] - g[:, 0]) > math.log(2 * TRAIN) + 20
    scores = theory.predictor(spec, train, y, test, DEPTH, kind=kind).values
    if told.sum() < 0.99 * TEST:
        raise ValueError(f"only {told.sum()} of {TEST} points are told apart.")
    return float(np.sum((np.sign(scores) != y[order[:, 0]]) & told))


CLAIMS = (
    Claim(
        id="ntk_classifiers/C5.monomial",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $D = \xi^m$, $\Sigma_L = \xi^{m^L}$ and $K_L = \xi^{m^L}(m^{L+1} - 1)/(m -"
        r" 1)$, all $m$ and $L$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("m^(L + 1)", symbolic.monomial, 1, {"m^L": 0, "m^(L + 2)": 2}),),
    ),
    Claim(
        id="ntk_classifiers/C5.no-underflow",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The logarithm of the NTK of $\xi^2$ and $\xi^3$ at depth 40, down to"
        r" $-10^{18}$, is that of the closed form within $10^{-12}$ relative to $m^L$, and so at"
        r" depth 25.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "L = 40",
                _theory_monomial_logs,
                _monomial_logs,
                1e-12,
                {"L = 39": partial(_monomial_logs, 39, 2), "0: underflow": [0.0] * 4},
            ),
            agree(
                "L = 25",
                partial(_theory_monomial_logs, 25),
                partial(_monomial_logs, 25),
                1e-12,
                {"m^L for m^(L + 1)": partial(_monomial_logs, 25, 0)},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C5.bottcher",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"If $A = A' = 0$ and $D = c_m\xi^m + \ldots$, $m \ge 2$, then"
        r" $-\log\Sigma_L/m^L \to G(\xi)$, and falls short of it by $\log(1/c_m)/((m - 1)m^L)$ up"
        r" to what falls doubly exponentially: $D = (\xi^2 + \xi^3)/2$ at $L = 8$ and 16, within"
        r" $10^{-12}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "L = 16",
                partial(_logs, 16),
                partial(_bottcher, -math.log(2) / 2**16),
                1e-12,
                {"no correction": _bottcher, "3/2 of it": partial(_bottcher, scale=1.5)},
            ),
            agree(
                "L = 8",
                partial(_logs, 8),
                partial(_bottcher, -math.log(2) / 2**8),
                1e-12,
                {"twice the correction": partial(_bottcher, -2 * math.log(2) / 2**8)},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C5.doubly-exponential",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"The kernel of the second nearest point over that of the nearest is"
        r" $e^{-m^L(G_2 - G_1)}$: $r = 0.3$ and 0.5, $L = 20$, within $10^{-12}$ in the rate.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "log ratio/2^20",
                partial(_kernel_ratio, 20),
                lambda: _bottcher()[0] - _bottcher()[1],
                1e-12,
                {
                    "exponential in L": lambda: 20 * (_bottcher()[0] - _bottcher()[1]) / 2**20,
                    "a power of r": lambda: 2 * math.log(0.3 / 0.5) / 2**20,
                },
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C5.nearest",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"For $D = (\xi^2 + \xi^3)/2$ and $\xi^3$ at depth 20 the signs of the ridgeless"
        r" NNGP and NTK predictors are the labels of the nearest of 40 training points on the"
        r" sphere ($d = 2$), at every of 1000 test points with $2^L(G_2 - G_1) > \log(80) + 20$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"disagreements, {kind} of {name}",
                partial(_disagreements, spec, kind),
                0.0,
                0.0,
                {"a singular kernel's": partial(_disagreements, "optimal:4", kind)},
            )
            for kind in ("nngp", "ntk")
            for name, spec in (("(x^2 + x^3)/2", HALF), ("x^3", (0.0, 0.0, 0.0, 1.0)))
        ),
    ),
    Claim(
        id="ntk_classifiers/C5.singular",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With $A = 0$, $A' \ne 0$ too the deep classifier is the nearest neighbour:"
        r" exponents 2 and 8 in $d = 2$.",
        expected=Verdict.REFUTED,
        corrected="ntk_classifiers/C7.nngp",
        method="exact",
        cases=tuple(
            agree(f"disagreements, {spec}", partial(_disagreements, spec), 0.0, 0.0, {})
            for spec in ("optimal:2", "optimal:8")
        ),
    ),
)
