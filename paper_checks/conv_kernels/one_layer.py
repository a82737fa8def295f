r"""C4: the kernels of one hidden layer on circles, in closed form, and what depth changes."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

from paper_checks.conv_kernels import symbolic
from paper_checks.conv_kernels.observe import KINDS
from paper_checks.conv_kernels.positivity import positive, vanishing
from paper_checks.core import Case, Claim, Verdict
from paper_checks.identities import agree, proved
from theory import conv_kernels as theory

ODD = [(k, 0) for k in (3, 5, 7, 9)]
LABELS = [(k, other) for k in range(11) for other in range(k + 1)]

SHALLOW = {
    "rfk": (4 / math.pi**2, 0.25, 0.0450316371743723, 0.0, 0.00180126548697489, 0.0),
    "ntk": (6 / math.pi**2, 0.5, 0.1576107301103032, 0.0, 0.0171120221262615, 0.0),
}
"""Eigenvalues 0 to 5 of one layer on circles."""


def _shallow(kind: str) -> Case:
    return agree(
        kind,
        lambda: [theory.eigenvalue([k], (2,), kind) for k in range(6)],
        SHALLOW[kind],
        1e-15,
        {
            "the raw ReLU": [v / 2 for v in SHALLOW[kind]],
            "the other kernel": SHALLOW["rfk" if kind == "ntk" else "ntk"],
        },
    )


def _coefficients(kind: str) -> tuple[Case, ...]:
    constant = 4 if kind == "rfk" else 2
    even = {"the raw ReLU": constant // 2, "0": 0}
    first = Fraction(1, constant)
    return (
        *(
            proved(
                f"{kind}, k {degree}",
                partial(symbolic.fourier, kind=kind, degree=degree),
                constant,
                even,
            )
            for degree in ("0", "even")
        ),
        proved(f"{kind}, k = 1", partial(symbolic.first, kind=kind), first, {"0": 0, "1": 1}),
        proved(
            f"{kind}, k odd above 1",
            partial(symbolic.fourier, kind=kind, degree="odd"),
            0,
            {"as for even k": constant},
        ),
    )


def _summed(kind: str) -> tuple[Case, ...]:
    value = 1 if kind == "rfk" else 2
    return (
        proved(
            f"{kind}, partial fractions",
            partial(symbolic.fractions, kind=kind),
            1,
            {"1/2": Fraction(1, 2)},
        ),
        proved(
            f"{kind}, sum",
            partial(symbolic.trace, kind=kind),
            value,
            {"the other kernel's": 3 - value, "the raw ReLU's": Fraction(value, 2)},
        ),
    )


CLAIMS = (
    Claim(
        id="conv_kernels/C4.coefficients",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $L = 1$, $s_1 = 2$: $\Lambda_k = 4/(\pi^2(k^2 - 1)^2)$ (RFK) and $2(k^2 +"
        r" 3)/(\pi^2(k^2 - 1)^2)$ (NTK) for even $k$, $\Lambda_1 = \frac14$ and $\frac12$,"
        r" $\Lambda_k = 0$ for odd $k > 1$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(*_coefficients("rfk"), *_coefficients("ntk")),
    ),
    Claim(
        id="conv_kernels/C4.trace",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $L = 1$, $s_1 = 2$, $\Lambda_0 + 2\sum_{k \ge 1}\Lambda_k = K(x, x)$, 1"
        r" (RFK) and 2 (NTK).",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            *_summed("rfk"),
            *_summed("ntk"),
        ),
    ),
    Claim(
        id="conv_kernels/C4.table",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For $L = 1$, $s_1 = 2$, $\Lambda_0, \dots, \Lambda_5$ are $4/\pi^2, \frac14,"
        r" 0.0450316371743723, 0, 0.00180126548697489, 0$ (RFK) and $6/\pi^2, \frac12,"
        r" 0.1576107301103032, 0, 0.0171120221262615, 0$ (NTK), by contraction to $10^{-15}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_shallow(kind) for kind in KINDS),
    ),
    Claim(
        id="conv_kernels/C4.constants",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $L = 1$, $s_1 = 2$ and even $k$, $k^{2\nu + 1}\Lambda_k \to 4/\pi^2$ (RFK)"
        r" and $2/\pi^2$ (NTK): twice $\mathrm{FT}(3, 1)/(3\pi \cdot 2\pi)$ and $-\mathrm{FT}(1,"
        r" 1)/(\pi \cdot 2\pi)$: opposite patches are singular too.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=tuple(
            proved(
                kind,
                partial(symbolic.one_layer_limit, kind=kind),
                2,
                {"equal patches alone": 1, "0, as for odd k": 0},
            )
            for kind in KINDS
        ),
    ),
    Claim(
        id="conv_kernels/C4.odd",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For $L = 2$, patches of two, the eigenvalues $\Lambda_{(k, 0)}$ of odd $k > 1$"
        r" vanish, as they do for $L = 1$.",
        expected=Verdict.REFUTED,
        corrected="conv_kernels/C4.deep",
        method="interval",
        cases=tuple(vanishing([label]) for label in ODD),
    ),
    Claim(
        id="conv_kernels/C4.deep",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"For $L = 2$, patches of two, no eigenvalue of RFK or NTK is 0: $\Lambda_{(k,"
        r" l)} > 0$ for $0 \le l \le k \le 10$ by a lower bound in ball arithmetic, part of a sum"
        r" of terms $\ge 0$; $\Lambda_{(3, 0)} > 0.001178$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            positive(
                LABELS,
                {
                    "(3, 0) vanishes": [(3, 0)],
                    "odd k above 1 vanish": ODD,
                    "two odd labels above 1 vanish": [(3, 3), (5, 3), (9, 9)],
                },
            ),
        ),
    ),
    Claim(
        id="conv_kernels/C4.deep-value",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"For $L = 2$, patches of two, $\Lambda_{(3, 0)}$ is 0.00118879673553781 (RFK)"
        r" and 0.0100140651514597 (NTK), not 0.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                kind,
                partial(theory.eigenvalue, (3, 0), (2, 2), kind),
                value,
                1e-16,
                {"0, as for L = 1": 0.0},
            )
            for kind, value in (("rfk", 0.00118879673553781), ("ntk", 0.0100140651514597))
        ),
    ),
)
