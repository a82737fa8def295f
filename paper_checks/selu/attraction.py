"""C3, C4 and C15: Theorem 1, its lemmas, and larger domains on which it holds."""

from __future__ import annotations

from functools import partial

import numpy as np

from paper_checks.core import FULL, Claim, Verdict
from paper_checks.identities import agree
from paper_checks.selu.observe import WIDER, holds
from theory import selu as theory

PRINTED = {
    "mean_low": "-0.03106",
    "mean_high": "0.06773",
    "variance_low": "0.80009",
    "variance_high": "1.48617",
}
SHARP = {
    "mean_low": "-0.0310606",
    "mean_high": "0.0677252",
    "variance_low": "0.803711",
    "variance_high": "1.481575",
}
LEMMA_9 = {
    "tau": WIDER,
    "mean_low": "-0.041160",
    "mean_high": "1",
    "variance_low": "0.5",
    "variance_high": "1.63603",
}
"""Of its four bounds the one on the mean from below is the printed one."""

EXTREMES = {
    "dJ11/dmu": (0.0, 0.00182415),
    "dJ11/domega": (0.905413, 1.04143),
    "dJ11/dnu": (-0.0151177, 0.0151177),
    "dJ11/dtau": (-0.015194, 0.015194),
    "dJ12/dnu": (-0.00785613, 0.0315805),
    "dJ12/dtau": (0.0799824, 0.110267),
    "dJ21/dmu": (0.0, 0.0174802),
    "dJ21/domega": (0.0849308, 0.695766),
    "dJ21/dnu": (-0.0600823, 0.0600823),
    "dJ21/dtau": (-0.0673083, 0.0673083),
    "dJ22/dnu": (-0.276862, -0.084813),
    "dJ22/dtau": (0.562302, 0.664051),
}
"""Table of appendix A6: J is that of (mean, second moment), on the domain of Lemma 12."""


def _extremes(omega_sign: float = 1.0) -> list[float]:
    """The table of EXTREMES recomputed on a grid that holds the corners."""
    axes = [(-0.1, 0.1, 9), (-0.1, 0.1, 9), (0.8, 1.5, 29), (0.8, 1.25, 19)]
    mu, omega, nu, tau = np.meshgrid(*(np.linspace(*axis) for axis in axes), indexing="ij")
    found: list[float] = []
    for d in theory.derivatives(mu * omega, nu * tau, 4):
        first = d[2] * omega**2, d[1] + omega * mu * d[2] * omega_sign
        mixed = omega * tau * d[3] / 2, omega * nu * d[3] / 2
        second = tau**2 * d[4] / 4, d[2] / 2 + nu * tau * d[4] / 4
        tables = (*first, *mixed, *second)
        found += [end for table in tables for end in (float(table.min()), float(table.max()))]
    return found


def _printed_extremes() -> list[float]:
    return [end for pair in EXTREMES.values() for end in pair]


CLAIMS = (
    Claim(
        id="selu/C3.theorem-1",
        source="Theorem 1",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"For $\mu, \omega \in [-0.1, 0.1]$, $\nu \in [0.8, 1.5]$, $\tau \in [0.95,"
        r" 1.1]$, the map $(\mu, \nu) \mapsto (\tilde\mu, \tilde\nu)$ of one shared mean and"
        r" variance maps the box into itself and its Jacobian has spectral norm below 1: for each"
        r" $(\omega, \tau)$ one fixed point, which attracts all of the box.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "the paper's domain",
                "theorem-1",
                {},
                {
                    "tau from 0.944": {"tau": "0.944 1.1"},
                    "tau to 1.118": {"tau": "0.95 1.118"},
                    "omega to 0.26": {"omega": "-0.26 0.26"},
                },
            ),
        ),
    ),
    Claim(
        id="selu/C3.norm",
        source="Theorem 1",
        provenance="derived",
        kind="theorem",
        statement=r"On the domain of Theorem 1 the supremum of the spectral norm lies between"
        r" 0.8976 and 0.897609.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "S < 0.897609", "theorem-1", {"norm": "0.897609"}, {"0.8976": {"norm": "0.8976"}}
            ),
        ),
    ),
    Claim(
        id="selu/C3.printed-image",
        source="Lemma 13, equation (110)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"On the domain of Theorem 1 $-0.03106 < \tilde\mu < 0.06773$ and $0.80009 <"
        r" \tilde\nu < 1.48617$.",
        expected=Verdict.REFUTED,
        corrected="selu/C3.image",
        method="interval",
        cases=(holds("as printed", "image", PRINTED),),
    ),
    Claim(
        id="selu/C3.image",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"On the domain of Theorem 1 $-0.0310606 < \tilde\mu < 0.0677252$ and $0.803711"
        r" < \tilde\nu < 1.481575$, each bound within $10^{-6}$ of the supremum or infimum: the"
        r" printed lower bound of the mean was rounded inwards, which leaves Theorem 1 untouched.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "corrected",
                "image",
                SHARP,
                {
                    "mean > -0.0310605": {"mean_low": "-0.0310605"},
                    "mean < 0.067725": {"mean_high": "0.067725"},
                    "variance > 0.803712": {"variance_low": "0.803712"},
                    "variance < 1.481574": {"variance_high": "1.481574"},
                },
            ),
        ),
    ),
    Claim(
        id="selu/C3.printed-lemma-9",
        source="Lemma 9",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"For $|\mu|, |\omega| \le 0.1$, $0.8 \le \nu \le 1.5$, $0.8 \le \tau \le 1.25$,"
        r" $-0.041160 < \tilde\mu$.",
        expected=Verdict.REFUTED,
        corrected="selu/C3.lemma-9",
        method="interval",
        cases=(holds("as printed", "image", LEMMA_9),),
    ),
    Claim(
        id="selu/C3.lemma-9",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $|\mu|, |\omega| \le 0.1$, $0.8 \le \nu \le 1.5$, $0.8 \le \tau \le 1.25$,"
        r" $-0.0411603 < \tilde\mu$ and $\tilde\nu < 1.63603$; not for $\nu$ up to 15, a misprint"
        r" for 1.5.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "corrected",
                "image",
                LEMMA_9 | {"mean_low": "-0.0411603"},
                {
                    "mean > -0.0411602": {"mean_low": "-0.0411602"},
                    "variance < 1.636": {"variance_high": "1.636"},
                    "nu to 15": {"nu": "0.8 15"},
                },
            ),
        ),
    ),
    Claim(
        id="selu/C3.derivatives",
        source="appendix A6",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The 24 extremes of the derivatives of the Jacobian of $(\tilde\mu,"
        r" \tilde\xi)$ over the domain of Lemma 12 in the table of the appendix: reproduced on a"
        r" grid to a unit of their last digit.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "24 extremes",
                _extremes,
                _printed_extremes,
                6e-6,
                {
                    "omega mu m'' subtracted": partial(_extremes, -1.0),
                    "0.562302 for dJ22/dnu, as in (336)": lambda: [
                        -0.562302 if x == -0.276862 else x for x in _printed_extremes()
                    ],
                },
            ),
        ),
    ),
    Claim(
        id="selu/C4.lemma-12",
        source="Lemma 12",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"The spectral norm is below 1 also for $\tau \in [0.8, 1.25]$, other ranges as"
        r" in Theorem 1; its supremum lies between 0.989 and 0.98903, below the value 0.9912524"
        r" that the paper found on a grid.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds("S < 1", "contraction", {}, {"tau to 1.28": {"tau": "0.8 1.28"}}),
            holds("S < 0.98903", "contraction", {"norm": "0.98903"}, {"0.989": {"norm": "0.989"}}),
        ),
    ),
    Claim(
        id="selu/C4.invariance",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The box $|\mu| \le 0.1$, $\nu \in [0.8, 1.5]$ is mapped into itself for every"
        r" $\tau$ of Lemma 12, $[0.8, 1.25]$.",
        expected=Verdict.REFUTED,
        corrected="selu/C15.tau",
        method="interval",
        cases=(holds("Theorem 1 for the tau of Lemma 12", "theorem-1", {"tau": WIDER}),),
    ),
    Claim(
        id="selu/C15.omega",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Theorem 1 holds, other ranges unchanged, for $|\omega| \le 0.25$ and not for"
        r" $|\omega| \le 0.26$; the contraction alone for $|\omega| \le 0.6$, not 0.78, and at"
        r" full level for 0.77, not 0.774.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "Theorem 1",
                "theorem-1",
                {"omega": "-0.25 0.25"},
                {"0.26": {"omega": "-0.26 0.26"}},
            ),
            holds(
                "contraction",
                "contraction",
                {"omega": "-0.6 0.6", "tau": "0.95 1.1"},
                {"0.78": {"omega": "-0.78 0.78"}},
            ),
            holds(
                "contraction, to 0.77",
                "contraction",
                {"omega": "-0.77 0.77", "tau": "0.95 1.1"},
                {"0.774": {"omega": "-0.774 0.774"}},
                FULL,
            ),
        ),
    ),
    Claim(
        id="selu/C15.tau",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Theorem 1 holds, other ranges unchanged, for $\tau \in [0.945, 1.117]$, and"
        r" neither from 0.944 nor to 1.118.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "tau",
                "theorem-1",
                {"tau": "0.945 1.117"},
                {"from 0.944": {"tau": "0.944 1.117"}, "to 1.118": {"tau": "0.945 1.118"}},
            ),
        ),
    ),
    Claim(
        id="selu/C15.variance",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The contraction holds, other ranges those of Theorem 1, for $\nu \in [0.52,"
        r" 1.5]$, not from 0.51; with $\nu \in [0.60, 1.61]$ Theorem 1 holds for $\tau \in [0.88,"
        r" 1.14]$, not for $[0.87, 1.15]$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "contraction",
                "contraction",
                {"nu": "0.52 1.5", "tau": "0.95 1.1"},
                {"from 0.51": {"nu": "0.51 1.5"}},
            ),
            holds(
                "Theorem 1",
                "theorem-1",
                {"nu": "0.60 1.61", "tau": "0.88 1.14"},
                {"0.87 to 1.15": {"tau": "0.87 1.15"}},
            ),
        ),
    ),
)
