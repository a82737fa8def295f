"""C1: the dual activation and the kernels of finite depth."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.ntk_classifiers import enclosures, symbolic
from paper_checks.ntk_classifiers.observe import relative
from theory import gaussian
from theory import ntk_classifiers as theory
from theory.activations import activation
from theory.prediction import Prediction

CORRELATIONS = (-0.5, 0.2, 0.7, 0.95)
NODES = 100
"""Of Gauss and Hermite: enough for 1e-12 with the entire functions below."""

DUALS = ("optimal:1", "optimal:2", "optimal:4", "sine:2.676")
DISTANCES = ("1.2", "1", "0.1", "1e-3")
DEPTHS = (1, 5, 50)


def _by_nodes(spec: str, derivative: bool = False, same: bool = False) -> list[float]:
    """E f(u) f(v)/E phi^2 by a product rule, f = phi or phi'; `same` puts u for v."""
    act = activation(spec)
    f = act.derivative if derivative else act
    u, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights /= weights.sum()
    found = []
    for x in CORRELATIONS:
        v = u[:, None] + 0 * u if same else x * u[:, None] + math.sqrt(1 - x * x) * u
        found.append(float(weights @ (f(u)[:, None] * f(v)) @ weights))
    return [value / float(weights @ act(u) ** 2) for value in found]


def _by_angles(spec: str, derivative: bool = False) -> list[float]:
    """The same for phi homogeneous on both sides of 0, by Gauss and Legendre between the kinks."""
    act = activation(spec)
    f = act.derivative if derivative else act
    t, weights = np.polynomial.legendre.leggauss(40)
    found = []
    for x in CORRELATIONS:
        theta = math.acos(x)
        kinks = np.sort(
            np.mod(
                [math.pi / 2, 1.5 * math.pi, *(theta + np.pi * np.array([0.5, 1.5]))], 2 * math.pi
            )
        )
        ends = np.append(kinks, kinks[0] + 2 * math.pi)
        total = 0.0
        for low, high in itertools.pairwise(ends):
            angle = (low + high) / 2 + (high - low) / 2 * t
            values = f(np.cos(angle)) * f(np.cos(angle - theta))
            total += (high - low) / 2 * float(weights @ values)
        # E radius^2 = 2 for phi(u) phi(v), 1 for the derivatives, which do not see the radius
        found.append(total / (2 * math.pi) * (1 if derivative else 2))
    square = (float(act(1.0)) ** 2 + float(act(-1.0)) ** 2) / 2
    return [value / square for value in found]


def _dual(spec: str, derivative: bool = False, factor: float = 1.0) -> list[float]:
    d = theory.dual(spec)
    values = d.derivative(np.array(CORRELATIONS)) if derivative else d(np.array(CORRELATIONS))
    return [factor * float(v) for v in values]


def _recursions(first: int = 1, slope_at_one: bool = False) -> list[Prediction]:
    """Sigma_L and K_L in balls; K without Sigma_l (`first` = 0) or with B' for D'(Sigma_l)."""
    from theory.rigor.balls import precision

    found = []
    with precision(400):
        for spec in DUALS:
            dual = enclosures.named(spec)
            for r in DISTANCES:
                for depth in DEPTHS:
                    sigma = tangent = enclosures.at(r)
                    for _ in range(depth):
                        slope = dual.chaos if slope_at_one else dual.slope(sigma)
                        sigma = dual.value(sigma)
                        tangent = first * sigma + tangent * slope
                    found += [enclosures.number(sigma), enclosures.number(tangent)]
    return found


def _theory() -> list[float]:
    return [
        kernel(spec, float(r), depth)
        for spec in DUALS
        for r in DISTANCES
        for depth in DEPTHS
        for kernel in (theory.nngp, theory.ntk)
    ]


def _wrong_recursions(**changes: Any) -> list[Prediction]:
    return relative(_recursions(**changes), _recursions())


def _deep_logs(depth: int, kernel: str) -> list[Prediction]:
    from theory.rigor.balls import precision

    with precision(400):
        return [
            enclosures.number(
                enclosures.kernels(enclosures.named(spec), enclosures.at(r), depth)[
                    kernel == "ntk"
                ].log()
            )
            for spec in DUALS
            for r in ("1", "1e-3")
        ]


def _theory_logs(depth: int, kernel: str) -> list[float]:
    function = theory.ntk if kernel == "ntk" else theory.nngp
    return [function(s, r, depth, log=True) for s in DUALS for r in (1.0, 1e-3)]


CLAIMS = (
    Claim(
        id="ntk_classifiers/C1.dual",
        source="the authors' code",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"For $\phi = \sum_k a_k h_k$ in orthonormal Hermite polynomials and standard"
        r" normal $u, v$ of correlation $\xi$, $D(\xi) = \mathbb{E}\phi(u)\phi(v) = \sum_k a_k^2"
        r" \xi^k$, $D' = \mathbb{E}\phi'(u)\phi'(v)$, $D(0) = (\mathbb{E}\phi)^2$ and $D'(0) ="
        r" (\mathbb{E}\phi')^2$: every $\phi$ of degree 4.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("a_k^2 x^(c k), c = 1", symbolic.dual_power, 1, {"c = 2": 2}),
            proved(
                "D' at the correlation x",
                symbolic.dual_derivative,
                "x",
                {"E phi'(u)^2": 1, "(E phi')^2": 0},
            ),
            proved("D(0) = A^2", partial(symbolic.dual_at_zero, order=0), 2, {"A": 1}),
            proved("D'(0) = A'^2", partial(symbolic.dual_at_zero, order=1), 2, {"A'": 1}),
        ),
    ),
    Claim(
        id="ntk_classifiers/C1.structure",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"With $\mathbb{E}\phi^2 = 1$, $B' = 1 - A^2 + \sum_{k \ge 2}(k - 1)a_k^2 = 2 -"
        r" 2A^2 - A'^2 + \sum_{k \ge 3}(k - 2)a_k^2$, so that $A = 0$ forces $B' \ge 1$ (equality"
        r" for linear $\phi$ only), $A = A' = 0$ forces $B' \ge 2$, and $B' < 1$ forces $A \ne"
        r" 0$: every $\phi$ of degree 4.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("c (1 - A^2), c = 1", partial(symbolic.chaos, order=1), 1, {"c = 2": 2}),
            proved("c (1 - A^2), c = 2", partial(symbolic.chaos, order=2), 2, {"c = 3": 3}),
        ),
    ),
    Claim(
        id="ntk_classifiers/C1.unrolled",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$K_l = \Sigma_l + K_{l-1}D'(\Sigma_{l-1})$ with $K_0 = \Sigma_0$ gives $K_L ="
        r" \sum_{k=0}^L \Sigma_k \prod_{j=k}^{L-1} D'(\Sigma_j)$ (here $L = 4$), and $K_L(1) ="
        r" (B'^{L+1} - 1)/(B' - 1)$ at every depth.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("sum from k = 0", symbolic.unrolled, 0, {"from 1: no input kernel": 1}),
            proved("B'^(L + 1) on the diagonal", symbolic.diagonal, 1, {"L": 0, "L + 2": 2}),
        ),
    ),
    Claim(
        id="ntk_classifiers/C1.expectations",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The power series of $D$ and $D'$ of the normalised gelu, erf and sine, and the"
        r" closed forms of ReLU and leaky ReLU, are $\mathbb{E}\phi(u)\phi(v)$ and"
        r" $\mathbb{E}\phi'(u)\phi'(v)$ by quadrature within $10^{-12}$, correlations $-0.5$ to"
        r" 0.95.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"{'derivative' if derivative else 'dual'} of {spec}",
                partial(_by_angles if "relu" in spec else _by_nodes, spec, derivative),
                partial(_dual, spec, derivative),
                1e-12,
                {"not normalised": partial(_dual, spec, derivative, gaussian.moment(spec, 2, 1.0))}
                | (
                    {"E phi'(u)^2": partial(_by_nodes, spec, True, True)}
                    if derivative and "relu" not in spec
                    else {}
                ),
            )
            for spec in ("gelu", "erf", "sin", "relu", "leaky_relu:0.2")
            for derivative in (False, True)
        ),
    ),
    Claim(
        id="ntk_classifiers/C1.recursion",
        source="the authors' code",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The kernels of $L$ hidden layers in double precision, by steps in $1 - \xi$"
        r" near the diagonal and by powers of $D'(0)$ far from it, agree with 400 bits of plain"
        r" recursion within $10^{-13}$: four duals, $10^{-3} \le r \le 1.2$, $L = 1, 5, 50$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "Sigma_L and K_L, relative",
                lambda: relative(_theory(), _recursions()),
                lambda: [1.0] * len(_theory()),
                1e-13,
                {
                    "K without Sigma_l": partial(_wrong_recursions, first=0),
                    "B' for D'(Sigma)": partial(_wrong_recursions, slope_at_one=True),
                },
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C1.deep",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At depth 3000, where $\Sigma_L$ and $K_L$ are as small as $10^{-1700}$, their"
        r" logarithms are right within $10^{-11}$: four duals, $r = 1$ and $10^{-3}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"log of the {kernel}",
                partial(_deep_logs, 3000, kernel),
                partial(_theory_logs, 3000, kernel),
                1e-11,
                {"one layer less": partial(_theory_logs, 2999, kernel)},
            )
            for kernel in ("nngp", "ntk")
        ),
    ),
)
