"""C9 and C13: constants for other targets, and the window of tau."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import brentq

from paper_checks.core import FULL, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.selu import symbolic
from paper_checks.selu.observe import holds
from theory import selu as theory

TARGETS = (
    (0.0, 2.0, 0.0, 1.0),
    (0.0, 0.5, 0.0, 1.0),
    (0.1, 1.0, 0.0, 1.0),
    (-0.1, 2.0, 0.0, 1.0),
    (0.3, 1.5, 0.2, 0.9),
)
"""(mean, variance, omega, tau)."""

HELPER_SCALE, HELPER_ALPHA = 1.073851239616, 1.976902195424
"""What the helper published with the paper gives for mean -0.1, variance 2: solved at omega = 1."""

ALONE = {"mu": "0 0", "omega": "0 0"}
"""omega = 0: the variance alone matters."""


def _kept(omega: float | None = None) -> list[float]:
    """The image of every target under its own constants; solved at `omega` if that is given."""
    found: list[float] = []
    for mean, variance, w, tau in TARGETS:
        at = w if omega is None else omega
        scale, alpha = theory.parameters_for(mean, variance, at, tau)[:2]
        found += theory.moment_map(mean, variance, w, tau, scale=scale, alpha=alpha)
    return found


def _with_helper(omega: float) -> tuple[list[float], float]:
    """The image of (-0.1, 2) with the helper's constants, and the spectral radius there."""
    at = (-0.1, 2.0, omega, 1.0)
    image = theory.moment_map(*at, scale=HELPER_SCALE, alpha=HELPER_ALPHA)
    table = theory.jacobian(*at, scale=HELPER_SCALE, alpha=HELPER_ALPHA)
    return list(image), float(theory.spectral_radius(table))


def _for_two() -> list[float]:
    found = theory.parameters_for(0.0, 2.0)
    return [found.alpha, found.scale]


def _quotients(x: tuple[float, float] = (1e-14, 1e14)) -> list[float]:
    """1/(V(x)/x) near 0 and far out."""
    return [1 / theory.variance_ratio(at) for at in x]


def _without_mean() -> list[float]:
    """The ends if c were (l^2 + r^2)/2, the second moment."""
    outer = theory.SCALE**2 / 2
    return [1 / (outer * (1 + theory.ALPHA**2)), 1 / outer]


def _after(layers: int, tau: tuple[float, ...]) -> list[float]:
    """The variance after so many layers from 1, omega = 0."""
    mu, nu = np.zeros(len(tau)), np.ones(len(tau))
    for _ in range(layers):
        mu, nu = theory.moment_map(mu, nu, 0.0, np.array(tau))
    return [float(v) for v in nu]


def _fixed(tau: float) -> float:
    """The fixed point's variance from V(x)/x = 1/tau alone, by bisection."""
    root: Any = brentq(
        lambda t: theory.variance_ratio(float(np.exp(t))) - 1 / tau, -30.0, 30.0, xtol=1e-14
    )
    return float(np.exp(root)) / tau


CLAIMS = (
    Claim(
        id="selu/C9.alpha",
        source="appendix A5",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"At $\omega = 0$, $\tau = 1$ mean 0 is kept at variance $v$ by $\alpha ="
        r" \sqrt{2v/\pi}/(1 - e^{v/2}\,\mathrm{erfc}(\sqrt{v/2}))$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "sqrt(2 v) pi^k, k = -1/2",
                symbolic.mean_at_variance,
                "-1/2",
                {"k = 0": 0, "k = -1": -1},
            ),
        ),
    ),
    Claim(
        id="selu/C9.published",
        source="appendix A5",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"Mean 0 and variance 2 are fixed at $\omega = 0$, $\tau = 1$ by $\alpha ="
        r" 1.97126$, $\lambda = 1.06071$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "alpha, scale",
                _for_two,
                [1.97126, 1.06071],
                5e-6,
                {"SELU's": [1.67326, 1.05070]},
            ),
        ),
    ),
    Claim(
        id="selu/C9.targets",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The closed form for $(\lambda, \alpha)$ makes a target $(\mu^*, \nu^*)$ a fixed"
        r" point at given $(\omega, \tau)$ within $10^{-12}$: five targets, also with $\mu^* \ne"
        r" 0$, $\omega \ne 0$, $\tau \ne 1$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "five targets",
                _kept,
                lambda: [end for target in TARGETS for end in target[:2]],
                1e-12,
                {"solved at omega = 1/2": partial(_kept, 0.5)},
            ),
        ),
    ),
    Claim(
        id="selu/C9.helper",
        source="the authors' published helper, for normalised weights",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The published helper's constants for mean $-0.1$ and variance 2, $\alpha ="
        r" 1.976902195$, $\lambda = 1.073851240$, keep them for normalised weights, $\omega = 0$,"
        r" $\tau = 1$.",
        expected=Verdict.REFUTED,
        corrected="selu/C9.convention",
        method="exact",
        cases=(agree("the image", lambda: _with_helper(0.0)[0], [-0.1, 2.0], 1e-9, {}),),
    ),
    Claim(
        id="selu/C9.convention",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The helper solves at $\omega = 1$, $\tau = 1$: there its constants for"
        r" $(-0.1, 2)$ do fix that point, which however does not attract (spectral radius 1.10839);"
        r" at $\omega = 0$ they send it to $(-0.001735, 2.055008)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "omega = 1: the image",
                lambda: _with_helper(1.0)[0],
                [-0.1, 2.0],
                1e-11,
                {"that of omega = 0": [-0.001735, 2.055008]},
            ),
            agree(
                "omega = 1: the radius",
                lambda: _with_helper(1.0)[1],
                1.10839,
                6e-6,
                {"that of omega = 0": lambda: _with_helper(0.0)[1]},
            ),
            agree(
                "omega = 0: the image",
                lambda: _with_helper(0.0)[0],
                [-0.001735, 2.055008],
                6e-7,
                {"the target": [-0.1, 2.0]},
            ),
        ),
    ),
    Claim(
        id="selu/C9.theorem-1",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"With the constants of $(0, 2)$ the box $|\mu| \le 0.1$, $\nu \in [1.7, 2.7]$"
        r" is mapped into itself with spectral norm below 1, $|\omega| \le 0.1$, $\tau \in [0.95,"
        r" 1.1]$; not the box $\nu \in [1.6, 3]$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "target (0, 2)",
                "theorem-1",
                {"target_variance": "2", "nu": "1.7 2.7"},
                {
                    "nu in [1.6, 3]": {"nu": "1.6 3"},
                    "SELU's constants": {"target_variance": "1"},
                },
            ),
        ),
    ),
    Claim(
        id="selu/C13.quotient",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $\omega = 0$ the quotient $\tilde\nu(0, x)/x$ is strictly decreasing on"
        r" $2^{-14} \le x \le 2^{10}$: for each $\tau$ at most one fixed point with $\nu\tau$ in"
        r" that range.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "the quotient falls",
                "window",
                {},
                {
                    "the variance falls, at tau = 1": {
                        **ALONE,
                        "statement": "theorem-2",
                        "nu": "0.5 1024",
                        "tau": "1 1",
                    },
                },
            ),
        ),
    ),
    Claim(
        id="selu/C13.outside",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $\omega = 0$ the variance falls in every layer for $0.4 \le \tau \le 0.48$,"
        r" $10^{-3} \le \nu \le 100$, and rises for $2.75 \le \tau \le 3$, $10^{-3} \le \nu \le"
        r" 500$; not up to $\tau = 0.6$, nor from 2.5; at full level for $\tau$ up to 0.495 with"
        r" $\nu \ge 10^{-4}$, not 0.5, and from 2.68 with $\nu \le 10^4$, not 2.6.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "below the window",
                "theorem-2",
                {**ALONE, "nu": "1e-3 100", "tau": "0.4 0.48"},
                {"to 0.6": {"tau": "0.4 0.6"}},
            ),
            holds(
                "above the window",
                "theorem-3",
                {**ALONE, "nu": "1e-3 500", "tau": "2.75 3"},
                {"from 2.5": {"tau": "2.5 3"}},
            ),
            holds(
                "close below",
                "theorem-2",
                {**ALONE, "nu": "1e-4 100", "tau": "0.4 0.495"},
                {"to 0.5": {"tau": "0.4 0.5"}},
                FULL,
            ),
            holds(
                "close above",
                "theorem-3",
                {**ALONE, "nu": "1e-4 1e4", "tau": "2.68 3"},
                {"from 2.6": {"tau": "2.6 3"}},
                FULL,
            ),
        ),
    ),
    Claim(
        id="selu/C13.ends",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\tilde\nu(0, x)/x$ tends to $c_0 = \lambda^2[(1 + \alpha^2)/2 - (1 -"
        r" \alpha)^2/(2\pi)]$ as $x \to 0$ and to $c_\infty = \lambda^2(\pi - 1)/(2\pi)$ as $x"
        r" \to \infty$, so that the window is $1/c_0 = 0.495589 < \tau < 2.657570 = 1/c_\infty$:"
        r" quadrature at $x = 10^{\mp14}$ agrees within $10^{-6}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "both ends",
                _quotients,
                lambda: list(theory.window()),
                1e-6,
                {"second moments": _without_mean},
            ),
            agree(
                "numbers",
                lambda: list(theory.window()),
                [0.4955893006557005, 2.657570040520787],
                1e-13,
                {"second moments": _without_mean},
            ),
        ),
    ),
    Claim(
        id="selu/C13.iteration",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $\omega = 0$ from variance 1, 3000 layers lead below $10^{-8}$ at $\tau ="
        r" 0.49$ and to $1.3104 \cdot 10^{-4}$ at $\tau = 0.5$; at $\tau = 2.65$ the fixed point"
        r" is $1.775 \cdot 10^5$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "3000 layers, tau = 0.49 and 0.5",
                partial(_after, 3000, (0.49, 0.5)),
                [0.0, 1.3104e-4],
                1e-8,
                {"both die": [0.0, 0.0]},
            ),
            agree(
                "tau = 2.65, in units of 10^5",
                lambda: theory.fixed_point(0.0, 2.65).variance / 1e5,
                1.775,
                6e-4,
                {"tau = 2.64": lambda: _fixed(2.64) / 1e5},
            ),
        ),
    ),
)
