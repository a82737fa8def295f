r"""LipSDP of MaxMin written as residual ReLU (C8, proved).

phi(v) = (v_2 - relu(d), v_2 + relu(-d)), d = v_2 - v_1, output (min, max): the two ReLUs are
independent units for the relaxation, which forgets relu(d) - relu(-d) = d.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial
from typing import Any

from paper_checks.core import BOTH, FULL, Claim, Level, Verdict
from paper_checks.identities import proved
from paper_checks.lipschitz.brackets import (
    Bracket,
    Named,
    exactly,
    named,
    quotient,
    random_network,
    ratio,
    trained,
    value,
    within,
)

_SOURCE = "arXiv:2401.14033 (LipSDP-RR)"
_ROOT = ("1.4142135623", "1.4142136000")
"""Around sqrt(2)."""


@cache
def _one_layer(pairs: int) -> Any:
    import numpy as np

    from theory.lipschitz.network import Network

    eye = np.eye(2 * pairs)
    return Network([eye, eye], "maxmin")


def _signals() -> Any:
    """x_1, x_2 and the outputs p_1 = x_2 - e_1, p_2 = x_2 + e_2."""
    import sympy as sp

    return sp.symbols("x1 x2 p1 p2", real=True)


def _squares(rho: Any) -> Any:
    """rho |x|^2 - |p|^2 + the two ReLU forms, less a sum of two squares, for rho = 2."""
    import sympy as sp

    x1, x2, p1, p2 = _signals()
    d, e1, e2 = x2 - x1, x2 - p1, p2 - x2
    form = sp.sympify(rho) * (x1**2 + x2**2) - p1**2 - p2**2
    form += 2 * e1 * (e1 - d) + 2 * e2 * (e2 + d)
    return sp.expand(form - (x1 + x2 - p1) ** 2 - (x1 + x2 - p2) ** 2)


def _witness(rho: Any) -> Any:
    """|p|^2 - rho |x|^2 of vectors x_1 = (1, 0), x_2 = (0, 1), e_1 = (-1, 0), e_2 = (1, 0).

    They obey both constraints, e_1.(e_1 - d) = e_2.(e_2 + d) = 0; where they did not, this would
    not be 0 for any rho.
    """
    import sympy as sp

    x1, x2 = sp.Matrix([1, 0]), sp.Matrix([0, 1])
    e1, e2 = sp.Matrix([-1, 0]), sp.Matrix([1, 0])
    d = x2 - x1
    broken = e1.dot(e1 - d) ** 2 + e2.dot(e2 + d) ** 2
    p1, p2 = x2 - e1, x2 + e2
    size = x1.dot(x1) + x2.dot(x2)
    return p1.dot(p1) + p2.dot(p2) - sp.sympify(rho) * size + broken * sp.Symbol("b")


def _restricted(sign: int) -> Any:
    """phi (phi -+ d) - c (|d|^2 - d^2) for phi = relu(+-d) = (|d| +- d) / 2."""

    def residual(constant: Any) -> Any:
        import sympy as sp

        d, e = sp.symbols("d e", real=True)
        phi = (e + sign * d) / 2
        return sp.expand(phi * (phi - sign * d) - sp.sympify(constant) * (e**2 - d**2))

    return residual


def _mapped(make: Named) -> Bracket:
    """What the multipliers of RR prove for NSR-full, over what they prove for RR.

    2 l_1 e_1 (e_1 - d) + 2 l_2 e_2 (e_2 + d) = (l_1 + l_2) (|d'|^2 - d'^2), d' = d / sqrt(2).
    """
    from dataclasses import replace

    from theory.lipschitz.certificate import certify, verify_certificate
    from theory.lipschitz.classical import rr

    network = make()
    found = rr(network, "l2", 1e-7)
    theirs = certify(network, found)
    pairs = [m.reshape(-1, 2).sum(axis=1) / 2 for m in found.multipliers if m is not None]
    # Every layer is two stages there, weights and residual ReLU; the last is the output's.
    kept = [*found.exponents[::2], found.exponents[-1]]
    mapped = replace(found, relaxation="exact", exponents=tuple(kept), multipliers=(*pairs, None))
    ours = certify(network, mapped)
    if theirs is None or ours is None or not verify_certificate(network, ours).valid:
        return Bracket(None, None)
    return ratio(exactly(Fraction(ours.upper)), exactly(Fraction(theirs.upper)))


_NETWORKS: tuple[tuple[str, Named, tuple[Level, ...]], ...] = (
    ("seed 0, 3-8-2", named(random_network, 0, (3, 8, 2), "maxmin"), BOTH),
    ("seed 1, 6-10-10-4", named(random_network, 1, (6, 10, 10, 4), "maxmin"), BOTH),
    ("seed 7, 10-32-1", named(random_network, 7, (10, 32, 1), "maxmin"), BOTH),
    ("trained 64-16-16-10", named(trained, "maxmin-64-16-16-10"), BOTH),
    ("seed 2, 8-16-16-16-8", named(random_network, 2, (8, 16, 16, 16, 8), "maxmin"), FULL),
    ("trained 64-32-32-10", named(trained, "maxmin-64-32-32-10"), FULL),
)

CLAIMS = (
    Claim(
        id="lipschitz/C8.root-two",
        source=_SOURCE,
        provenance="derived",
        kind="theorem",
        statement=(
            r"The optimum of LipSDP-RR for a single MaxMin layer is exactly $\rho = 2$: "
            r"$2|x|^2 - |\phi|^2 + 2e_1(e_1-d) + 2e_2(e_2+d) = (x_1+x_2-\phi_1)^2 + "
            r"(x_1+x_2-\phi_2)^2$, and vectors that obey both constraints attain 2."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("from above: a sum of squares", _squares, 2, {"NSR's 1": 1, "3/2": "3/2"}),
            proved("from below: a point of the dual", _witness, 2, {"NSR's 1": 1, "4": 4}),
        ),
    ),
    Claim(
        id="lipschitz/C8.one-layer",
        source=_SOURCE,
        provenance="derived",
        kind="formula",
        statement=(
            r"For one MaxMin layer of 1 or 4 pairs between identities the optimum of LipSDP-RR is "
            r"within $4\cdot10^{-8}$ of $\sqrt2$ and that of NSR-full within $10^{-8}$ of 1."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            case
            for pairs in (1, 4)
            for case in (
                within(
                    f"RR, {pairs} pairs",
                    partial(value, named(_one_layer, pairs), "rr"),
                    *_ROOT,
                    {"1": (1, 1), "2": (2, 2)},
                ),
                within(
                    f"NSR-full, {pairs} pairs",
                    partial(value, named(_one_layer, pairs), "nsr-full"),
                    "0.99999999",
                    "1.00000001",
                    {"sqrt 2": _ROOT},
                ),
            )
        ),
    ),
    Claim(
        id="lipschitz/C8.restriction",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"With $\phi_1 - \phi_2 = d$ and $\phi_1 + \phi_2 = e$ both constraints of LipSDP-RR, "
            r"$\phi_1(\phi_1 - d)$ and $\phi_2(\phi_2 + d)$, are $(e^2 - d^2)/4$, so its "
            r"certificates are certificates of NSR-full."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=tuple(
            proved(
                f"relu({'+' if sign > 0 else '-'}d)",
                _restricted(sign),
                "1/4",
                {"1/2": "1/2", "other sign": "-1/4"},
            )
            for sign in (1, -1)
        ),
    ),
    Claim(
        id="lipschitz/C8.full-below",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The multipliers $(\lambda_1 + \lambda_2)/2$ of the pairs of a LipSDP-RR certificate "
            r"prove for NSR-full at most the same bound, up to $10^{-6}$, on random and trained "
            r"MaxMin networks."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                label,
                partial(_mapped, make),
                None,
                "1.000001",
                {"NSR-full is above RR": ("1.000001", None)},
                levels,
            )
            for label, make, levels in _NETWORKS
        ),
    ),
    Claim(
        id="lipschitz/C8.diag-below",
        source="plausible",
        provenance="derived",
        kind="formula",
        statement=(
            r"NSR-diag ($S = P = 0$) is at most LipSDP-RR on the random MaxMin networks "
            r"10-32-1 (seed 7) and 6-10-10-4 (seed 1)."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C8.diag-above",
        method="interval",
        cases=tuple(
            within(
                f"seed {seed}, {'-'.join(map(str, widths))}",
                partial(quotient, named(random_network, seed, widths, "maxmin"), "nsr-diag", "rr"),
                None,
                1,
            )
            for seed, widths in ((7, (10, 32, 1)), (1, (6, 10, 10, 4)))
        ),
    ),
    Claim(
        id="lipschitz/C8.diag-above",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"On random MaxMin networks the optimum of NSR-diag exceeds that of LipSDP-RR by the "
            r"factors 1.066 (seed 7, 10-32-1) and 1.189 (seed 1, 6-10-10-4) at least."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                f"seed {seed}, {'-'.join(map(str, widths))}",
                partial(quotient, named(random_network, seed, widths, "maxmin"), "nsr-diag", "rr"),
                least,
                None,
                {"NSR-diag is at most RR": (None, 1)},
            )
            for seed, widths, least in ((7, (10, 32, 1), "1.066"), (1, (6, 10, 10, 4), "1.189"))
        ),
    ),
)
