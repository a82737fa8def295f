r"""Coupled multipliers, T = sum of l_ij (e_i - e_j)(e_i - e_j)^T, prove nothing (C2, exact).

Units with slopes 1 and 1/2 between two inputs violate the constraint; and with the one multiplier
1/2 the matrix inequality proves the constant 0 for relu(x) - relu(x - 1/2), which rises by 1/2.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

from paper_checks.core import Claim, Verdict
from paper_checks.identities import proved
from paper_checks.lipschitz.brackets import Bracket, exactly, within

_SOURCE = "arXiv:1906.04893 (LipSDP-Network)"


def _relu(v: Fraction) -> Fraction:
    return max(v, Fraction(0))


def _coupled(first: tuple[str, str], second: tuple[str, str]) -> Bracket:
    """(de_i - de_j)((dv_i - dv_j) - (de_i - de_j)) between two pairs of pre-activations (i, j)."""
    one, two = ([Fraction(v) for v in pair] for pair in (first, second))
    dv = [b - a for a, b in zip(one, two, strict=True)]
    de = [_relu(b) - _relu(a) for a, b in zip(one, two, strict=True)]
    return exactly((de[0] - de[1]) * ((dv[0] - dv[1]) - (de[0] - de[1])))


def _quotient() -> Bracket:
    """(f(1/2) - f(0)) / (1/2) of f(x) = relu(x) - relu(x - 1/2)."""
    half = Fraction(1, 2)
    ends = [_relu(x) - _relu(x - half) for x in (Fraction(0), half)]
    return exactly((ends[1] - ends[0]) / half)


def _matrix_inequality(multiplier: Any) -> Any:
    """rho x^2 - f^2 + 2 l (e_1 - e_2)((e_1 - e_2) - (v_1 - v_2)) at rho = 0, v_1 = v_2 = x."""
    import sympy as sp

    x, e1, e2 = sp.symbols("x e1 e2", real=True)
    v1, v2 = x, x
    form = (e1 - e2) * ((e1 - e2) - (v1 - v2))
    return sp.expand(2 * sp.sympify(multiplier) * form - (e1 - e2) ** 2)


CLAIMS = (
    Claim(
        id="lipschitz/C2.coupled",
        source=_SOURCE,
        provenance="recalled",
        kind="theorem",
        statement=(
            r"For ReLU increments $(\Delta\phi_i-\Delta\phi_j)((\Delta v_i-\Delta v_j)-"
            r"(\Delta\phi_i-\Delta\phi_j)) \ge 0$, so multipliers "
            r"$T = \sum\lambda_{ij}(e_i-e_j)(e_i-e_j)^\top$ with $\lambda_{ij} \ge 0$ are valid."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C2.diagonal",
        method="exact",
        cases=(
            within(
                "slopes 1 and 1/2, v from (0, -1/2) to (1, 1/2)",
                partial(_coupled, ("0", "-1/2"), ("1", "1/2")),
                0,
                None,
            ),
            within(
                "slopes 1 and 0, v from (1, -2) to (3, -1)",
                partial(_coupled, ("1", "-2"), ("3", "-1")),
                0,
                None,
                levels=("full",),
            ),
        ),
    ),
    Claim(
        id="lipschitz/C2.zero",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"For $f(x) = \mathrm{relu}(x) - \mathrm{relu}(x - \tfrac12)$ the matrix inequality "
            r"of LipSDP with the coupled multiplier $\lambda_{12} = \tfrac12$ and no others holds "
            r"at $\rho = 0$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "the form vanishes identically",
                _matrix_inequality,
                "1/2",
                {"multiplier 1": 1, "multiplier 1/4": "1/4", "negative": "-1/2"},
            ),
        ),
    ),
    Claim(
        id="lipschitz/C2.bound",
        source=_SOURCE,
        provenance="recalled",
        kind="theorem",
        statement=(
            r"The constant 0 that LipSDP with coupled multipliers gives for "
            r"$f(x) = \mathrm{relu}(x) - \mathrm{relu}(x - \tfrac12)$ is an upper bound of "
            r"$|f(\tfrac12) - f(0)| / \tfrac12$."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C2.diagonal",
        method="exact",
        cases=(within("the difference quotient is at most 0", _quotient, None, 0),),
    ),
)
