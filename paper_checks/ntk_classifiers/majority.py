"""C6: with a constant part, B' not 1, the deep classifier is a majority vote or kriging."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.ntk_classifiers import enclosures, symbolic
from paper_checks.trends import richardson
from theory import ntk_classifiers as theory

Array = npt.NDArray[np.float64]

ABOVE = (0.2, 0.2, 0.0, 0.6)
"""D with B' = 2."""
BELOW = "1/2 3/10 1/10 1/10"
"""D with B' = 0.8."""

ANGLES = ("0.10", "0.35", "0.52", "0.80", "1.15", "1.40")
LABELS = (1, -1, 1, 1, -1, 1)
PROBE = "0.42"
"""On the circle; the nearest labels are - and +, the mean label is 1/3."""


def _fixed() -> list[float]:
    c, mu, tangent = theory.fixed_point(ABOVE)
    return [c, mu, tangent]


def _iterated(depth: int = 120) -> list[float]:
    """c, mu and K* of the same from `depth` layers of plain recursion at r = 1."""
    c, k = 0.5, 0.5
    for _ in range(depth):
        c, k = 0.2 + 0.2 * c + 0.6 * c**3, 0.2 + 0.2 * c + 0.6 * c**3 + k * (0.2 + 1.8 * c * c)
    return [c, 0.2 + 1.8 * c * c, k]


def circle(angles: tuple[str, ...]) -> Array:
    """Points of the unit circle at these angles, one a row."""
    t = np.array([float(a) for a in angles])
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def _vote_above(depth: int, kind: str = "ntk") -> float:
    """f_L K_L(1) at the probe, B' = 2."""
    found = theory.predictor(ABOVE, circle(ANGLES), LABELS, circle((PROBE,)), depth, kind=kind)
    size = theory.ntk_diagonal(ABOVE, depth)
    return float(found.values[0] * np.exp(found.log_scale[0])) * size


def _solved(depth: int, ridge: str = "0", tangent: bool = True) -> float:
    """The predictor at the probe for B' = 0.8, by balls at 400 bits."""
    from flint import arb, arb_mat

    from theory.rigor.balls import ball, exact, precision

    with precision(400 + depth):
        dual = enclosures.named(BELOW)
        angles = [ball(exact(a)) for a in ANGLES]

        def kernel(turn: arb) -> arb:
            return enclosures.kernels(dual, turn.cos(), depth)[tangent]

        matrix = arb_mat([[kernel(a - b) for b in angles] for a in angles])
        for i in range(len(angles)):
            matrix[i, i] += ball(exact(ridge))
        weights = matrix.solve(arb_mat([[y] for y in LABELS]))
        towards = [kernel(a - ball(exact(PROBE))) for a in angles]
        return float(sum((k * weights[i, 0] for i, k in enumerate(towards)), arb(0)).mid())


def _kriging() -> float:
    train, probe = circle(ANGLES), circle((PROBE,))
    return float(theory.kriging(_below(), train, LABELS, probe)[0])


def _below() -> list[float]:
    return [0.5, 0.3, 0.1, 0.1]


def _ridge_vote(ridge: float) -> float:
    return theory.ridge_vote(_below(), LABELS, ridge)


def _training_errors(depth: int = 300) -> float:
    """Largest |f - y| over the training points of the deep ridgeless NTK predictor, B' = 0.8."""
    train = circle(ANGLES)
    found = theory.predictor(_below(), train, LABELS, train, depth)
    return float(np.abs(found.values * np.exp(found.log_scale) - LABELS).max())


CLAIMS = (
    Claim(
        id="ntk_classifiers/C6.fixed-point",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"If $A \ne 0$ and $B' > 1$, then off the diagonal $\Sigma_L \to c = D(c) \in"
        r" (0, 1)$ and $K_L \to c/(1 - D'(c))$: $D = (1 + \xi + 3\xi^3)/5$ has $c = (\sqrt{21} -"
        r" 3)/6$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("c", symbolic.fixed_point, "(sqrt(21) - 3)/6", {"D(0)": "1/5", "1/4": "1/4"}),
            proved(
                "K* = c/(1 - mu)",
                symbolic.fixed_tangent,
                "c/(1 - (1 + 9*c**2)/5)",
                {"c": "c", "1/(1 - mu)": "1/(1 - (1 + 9*c**2)/5)", "c/mu": "5*c/(1 + 9*c**2)"},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.vote",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"Then also $f_L K_L(1) \to K^* \sum_i y_i$, a majority vote: the same $D$, six"
        r" points on a circle with mean label 1/3, $L = 60$, a test point nearest to a $-1$;"
        r" relative $10^{-12}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "c, mu and K* after 120 layers",
                _iterated,
                _fixed,
                1e-13,
                {"K* = c": lambda: [*_fixed()[:2], _fixed()[0]]},
            ),
            agree(
                "f_60 K_60(1)",
                partial(_vote_above, 60),
                lambda: _fixed()[2] * sum(LABELS),
                1e-12,
                {
                    "the nearest label": lambda: -_fixed()[2],
                    "K* = 1/(1 - mu)": lambda: sum(LABELS) / (1 - _fixed()[1]),
                    "the mean label": lambda: sum(LABELS) / len(LABELS),
                },
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.ridgeless",
        source="the majority vote, read without a ridge",
        provenance="derived",
        kind="formula",
        statement=r"If $A \ne 0$ and $B' < 1$, the ridgeless predictor tends to a majority vote:"
        r" $D = (5 + 3\xi + \xi^2 + \xi^3)/10$, six points on a circle with mean label $1/3$, $L"
        r" = 400$.",
        expected=Verdict.REFUTED,
        corrected="ntk_classifiers/C6.kriging",
        method="exact",
        cases=(
            agree("NTK", partial(_solved, 400), lambda: sum(LABELS) / len(LABELS), 0.3, {}),
            agree(
                "NNGP",
                partial(_solved, 400, tangent=False),
                lambda: sum(LABELS) / len(LABELS),
                0.3,
                {},
            ),
            agree("NTK: sign", lambda: np.sign(_solved(400)), 1.0, 0.0, {}),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.kriging",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"For $A \ne 0$, $B' < 1$ the ridgeless limit is kriging with a constant drift,"
        r" $f(x) = b - \sum_i w_i g(x, x_i)$, $\sum_i w_i = 0$, $g = \lim (1 - \Sigma_L)/B'^L$,"
        r" which keeps every training label: $-0.2769228$ in that example, opposite to the vote;"
        r" the NNGP is within $10^{-12}$ at $L = 200$, the NTK $0.199/L$ away.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "NNGP, L = 200",
                partial(_solved, 200, tangent=False),
                _kriging,
                1e-12,
                {"majority": sum(LABELS) / len(LABELS), "the nearest label": -1.0},
            ),
            agree(
                "NTK, extrapolated from L = 200 and 400",
                lambda: richardson("L", 200, [_solved(200), _solved(400)]),
                _kriging,
                3e-6,
                {"majority": sum(LABELS) / len(LABELS), "no 1/L term": partial(_solved, 400)},
            ),
            agree(
                "largest training error, L = 300",
                _training_errors,
                0.0,
                1e-10,
                {"that of a constant": 4 / 3},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.ridge",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For $A \ne 0$, $B' < 1$ and a fixed ridge $\lambda > 0$ the limit of the NTK"
        r" predictor is $\kappa\sum_i y_i/(\lambda + n\kappa)$, $\kappa = 1/(1 - B')$, a majority"
        r" vote: $\lambda = 10^{-3}$ in that example, $L = 400$, within $10^{-12}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "lambda = 1e-3",
                partial(_solved, 400, "1/1000"),
                partial(_ridge_vote, 1e-3),
                1e-12,
                {
                    "kriging": _kriging,
                    "the mean label": sum(LABELS) / len(LABELS),
                    "kappa = 1": sum(LABELS) / (1e-3 + len(LABELS)),
                },
            ),
        ),
    ),
)
