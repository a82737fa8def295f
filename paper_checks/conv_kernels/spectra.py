"""C1: the kernels, and how their eigenvalues are organised in sectors."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np

from paper_checks.conv_kernels import symbolic
from paper_checks.conv_kernels.observe import KINDS, eigenvalue, panels
from paper_checks.core import BOTH, FULL, Case, Claim, Verdict
from paper_checks.identities import agree, proved
from theory import conv_kernels as theory

ANGLES = ((0.5, 1.0), (0.5, 1.0, 2.5, 3.0), (1e-3, 0.0))
NOTES = {
    "rfk": (0.798317947807783, 0.650859524471922, 0.999999750090574),
    "ntk": (1.820471547852212, 1.375199663231550, 2.999390020828395),
}
"""Kernels at ANGLES, patches of two."""

LOW = {
    "rfk": {
        (0, 0): 5.59217453161102e-1,
        (1, 0): 8.08239886680303e-2,
        (2, 0): 1.73115309017713e-2,
        (3, 0): 1.18879673553781e-3,
        (1, 1): 5.84579517544629e-3,
        (2, 1): 1.30872561728739e-3,
        (2, 2): 3.51101786463211e-4,
        (3, 2): 7.17110287643389e-5,
        (5, 5): 2.60160675453654e-6,
        (8, 8): 2.63328107430344e-7,
    },
    "ntk": {
        (0, 0): 1.00015710262095,
        (1, 0): 2.79592894766353e-1,
        (2, 0): 8.84600740134175e-2,
        (3, 0): 1.00140651514597e-2,
        (1, 1): 3.48182215350586e-2,
        (2, 1): 1.13761237901048e-2,
        (2, 2): 4.43853239782115e-3,
        (3, 2): 1.59839526566874e-3,
        (5, 5): 1.96588341991823e-4,
        (8, 8): 4.81706549862149e-5,
    },
}
"""Eigenvalues of two layers, patches of two, to 15 digits; composite Gauss-Legendre."""


def _written(kind: str, normalised: bool = True) -> list[float]:
    """The recursion as it is written, at 40 digits; without the factor 2 of the ReLU, if asked."""
    import mpmath as mp

    factor = 1 if normalised else mp.mpf(1) / 2

    def k0(c: Any) -> Any:
        return factor * (mp.pi - mp.acos(c)) / mp.pi

    def k1(c: Any) -> Any:
        return factor * mp.sqrt(1 - c * c) / mp.pi + k0(c) * c

    found = []
    with mp.workdps(40):
        for angles in ANGLES:
            c = [mp.cos(a) for a in angles]
            t = list(c)
            while True:
                t = [k0(x) * y + k1(x) for x, y in zip(c, t, strict=True)]
                c = [k1(x) for x in c]
                if len(c) == 1:
                    break
                t, c = ([(a + b) / 2 for a, b in zip(v[::2], v[1::2], strict=True)] for v in (t, c))
            found.append(float((c if kind == "rfk" else t)[0]))
    return found


FEW = ((0, 0), (1, 0), (1, 1), (3, 2))
MORE = tuple(LOW["rfk"])
TREES = (
    ((2, 2), BOTH, FEW),
    ((2, 2), FULL, MORE),
    ((3, 2), BOTH, FEW),
    ((5, 2), FULL, FEW),
)


def _stable(kind: str) -> list[float]:
    trees = [(2,) * (1 + int(math.log2(len(angles)))) for angles in ANGLES]
    return [float(theory.kernel(a, s, kind)) for s, a in zip(trees, ANGLES, strict=True)]


def _harmonic(label: int, size: int, angle: Any) -> Any:
    """Chebyshev's, Legendre's or Gegenbauer's polynomial at cos(angle), 1 at angle 0."""
    if size == 2:
        return np.cos(label * angle)
    from scipy.special import eval_gegenbauer

    index = size / 2 - 1
    return eval_gegenbauer(label, index, np.cos(angle)) / eval_gegenbauer(label, index, 1.0)


def _quadrature(
    sizes: tuple[int, int], kind: str, labels: Any, measure: int = 0, harmonic: int = 0
) -> list[float]:
    """Means of K against products of harmonics, two layers; other arguments make it wrong."""
    angle, weight = panels(measure or sizes[0])
    values = _on_panels(sizes, kind)
    rows = [weight * _harmonic(k, harmonic or sizes[0], angle) for k in range(9)]
    return [float(rows[a] @ values @ rows[b]) for a, b in labels]


@cache
def _on_panels(sizes: tuple[int, int], kind: str) -> Any:
    angle, _ = panels(sizes[0])
    pairs = np.stack(np.meshgrid(angle, angle, indexing="ij"), axis=-1)
    return theory.kernel(pairs, sizes, kind)


def _contracted(sizes: tuple[int, int], kind: str, labels: Any) -> list[Any]:
    return [eigenvalue(label, sizes, kind) for label in labels]


def _integrated(sizes: tuple[int, int], kind: str, levels: Any, labels: Any = FEW) -> Case:
    alone = [(first, 0) for first, _ in labels]
    wrong: dict[str, Any] = {}
    wrong["one patch's label alone"] = partial(_quadrature, sizes, kind, alone)
    if sizes[0] > 2:
        wrong["measure of circles"] = partial(_quadrature, sizes, kind, labels, measure=2)
        wrong["cosines"] = partial(_quadrature, sizes, kind, labels, harmonic=2)
    else:
        doubled = [2 ** sum(map(bool, k)) * LOW[kind][k] for k in labels]
        wrong["labels doubled to signed ones"] = doubled
    return agree(
        f"{kind}, patches {sizes}, {len(labels)} labels",
        partial(_contracted, sizes, kind, labels),
        partial(_quadrature, sizes, kind, labels),
        1e-11,
        wrong,
        levels,
    )


def _transformed(sizes: tuple[int, ...], kind: str, size: int, inputs: int) -> Any:
    """Fourier coefficients on the full torus, without any symmetry used."""
    angle = 2 * np.pi * np.arange(size) / size
    grid = np.stack(np.meshgrid(*[angle] * inputs, indexing="ij"), axis=-1)
    return np.fft.fftn(theory.kernel(grid, sizes, kind)).real / size**inputs


def _trace(
    sizes: tuple[int, ...], kind: str, size: int, signs: bool = True, ordered: bool = False
) -> float:
    """Sum of |Lambda| on a grid; without the signs, or with one of each permutation, as asked."""
    values, copies = theory.spectrum(sizes, kind, size)
    if ordered:
        index = np.indices(values.shape)
        values = np.where(np.all(index[:-1] >= index[1:], axis=0), values, 0.0)
    return float(np.sum(np.abs(values) * (copies if signs else 1.0)))


def _traced(sizes: tuple[int, ...], kind: str, size: int, levels: Any = BOTH) -> Case:
    same = 1 if kind == "rfk" else len(sizes) + 1
    return agree(
        f"{kind}, patches {sizes}, {size} points a circle",
        lambda: float(theory.kernel(np.zeros(math.prod(sizes[1:])), sizes, kind)),
        partial(_trace, sizes, kind, size),
        1e-13,
        {
            "without the signs": partial(_trace, sizes, kind, size, signs=False),
            "without permutations": partial(_trace, sizes, kind, size, ordered=True),
            "the other kernel's": lambda: float(len(sizes) + 2 - same),
        },
        levels,
    )


def _permuted(kind: str) -> Case:
    """Four patches in two pairs: permutations of the tree against one that is none."""
    pick = [(3, 1, 2, 0)] * 3
    same = [(2, 0, 1, 3), (1, 3, 0, 2), (3, 1, 0, 2)]

    def at(labels: list[tuple[int, int, int, int]]) -> list[float]:
        values = _transformed((2, 2, 2), kind, 12, 4)
        return [float(values[k]) for k in labels]

    return agree(
        f"{kind}, patches (2, 2, 2)",
        partial(at, pick),
        partial(at, same),
        1e-14,
        {"any permutation": partial(at, [(3, 2, 1, 0), (2, 3, 1, 0), (1, 0, 3, 2)])},
    )


def _positions(kind: str) -> Case:
    """Two positions of the readout: halves on one of them, nothing across."""
    across = [(1, 0, 2, 0), (2, 1, 1, 0)]
    within = [(2, 1, 0, 0), (0, 0, 2, 1), (0, 0, 3, 0)]

    def found() -> list[float]:
        values = _transformed((2, 2), kind, 16, 4)
        return [float(values[k]) for k in within + across]

    def stated(share: float) -> list[float]:
        values = _transformed((2, 2), kind, 16, 2)
        return [share * float(values[k]) for k in ((2, 1), (2, 1), (3, 0))] + [0.0] * len(across)

    return agree(
        f"{kind}, patches (2, 2), four patches",
        found,
        partial(stated, 0.5),
        1e-14,
        {"not divided by the positions": partial(stated, 1.0)},
    )


CLAIMS = (
    Claim(
        id="conv_kernels/C1.arc-cosine",
        source="section 2 (setup)",
        provenance="recalled",
        kind="theorem",
        statement=r"For $(u, v)$ normal with variances 1 and covariance $c$,"
        r" $2\mathbb{E}[\mathrm{relu}(u)\,\mathrm{relu}(v)] = k_1(c) = (\sqrt{1 - c^2} + (\pi -"
        r" \arccos c)c)/\pi$, $2\mathrm P(u, v > 0) = k_0(c) = (\pi - \arccos c)/\pi$, and $k_1' ="
        r" k_0$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("k1", partial(symbolic.covariance, power=1), 2, {"the raw ReLU": 1}),
            proved("k0", partial(symbolic.covariance, power=0), 2, {"the raw ReLU": 1}),
            proved("k1'", symbolic.slope, 1, {"1/2": Fraction(1, 2), "-1": -1}),
        ),
    ),
    Claim(
        id="conv_kernels/C1.series",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$k_0(c) = \frac12 + \frac1\pi\sum_n \binom{2n}{n}4^{-n}c^{2n+1}/(2n+1)$ and"
        r" $k_1(c) = \frac1\pi + \int_0^c k_0$ have no negative coefficient, so that (Schoenberg)"
        r" every eigenvalue of both kernels is $\ge 0$, for any tree: $k_0(0) = \frac12$, $k_1(0)"
        r" = \frac1\pi$, $k_0' = (1 - c^2)^{-1/2}/\pi$, and $\binom{2n}{n}4^{-n}$ obeys the"
        r" recurrence of $(1 - x)^{-1/2}$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("k0(0)", partial(symbolic.at_zero, power=0), Fraction(1, 2), {"1": 1}),
            proved("k1(0)", partial(symbolic.at_zero, power=1), 1, {"1/2": Fraction(1, 2)}),
            proved("k0'", symbolic.curvature, 1, {"-1": -1, "2": 2}),
            proved(
                "coefficients",
                symbolic.binomial_series,
                Fraction(1, 2),
                {"-1/2": Fraction(-1, 2), "1": 1},
            ),
        ),
    ),
    Claim(
        id="conv_kernels/C1.distance",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$1 - k_1(\cos w) = (1 - \cos w) - (\sin w - w\cos w)/\pi$ for $0 < w < \pi$:"
        r" the recursion in distances from coincidence, which loses no digits.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("1 - k1", symbolic.distance, 1, {"the other sign": -1, "1/2": Fraction(1, 2)}),
        ),
    ),
    Claim(
        id="conv_kernels/C1.recursion",
        source="section 2 (setup)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"With $c \leftarrow$ mean of $k_1(c)$, $t \leftarrow$ mean of $k_0(c)t +"
        r" k_1(c)$ over the children, $K_{RFK}$ is 0.798317947807783 and $K_{NTK}$"
        r" 1.820471547852212 at angles $(0.5, 1)$, two layers, 0.650859524471922 and"
        r" 1.37519966323155 at $(0.5, 1, 2.5, 3)$, three layers; by the recursion in distances, to"
        r" $10^{-14}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                kind,
                partial(_stable, kind),
                NOTES[kind],
                1e-14,
                {"the raw ReLU": partial(_written, kind, False)},
            )
            for kind in KINDS
        )
        + tuple(
            agree(
                f"{kind}, as written, 40 digits",
                partial(_stable, kind),
                partial(_written, kind),
                1e-14,
                {"the raw ReLU": partial(_written, kind, False)},
            )
            for kind in KINDS
        ),
    ),
    Claim(
        id="conv_kernels/C1.eigenvalues",
        source="section 3",
        provenance="recalled",
        kind="formula",
        statement=r"Eigenfunctions are products of harmonics of the patches and $\Lambda_k ="
        r" \mathbb{E}[K \prod_i Y_{k_i}]$, $Y_k(0) = 1$, over the uniform distances: Fourier"
        r" coefficients for $s_1 = 2$, Legendre's for 3, Gegenbauer's for 5 (at full level);"
        r" quadrature in two angles and contraction of the tree agree to $10^{-11}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            _integrated(sizes, kind, levels, labels)
            for sizes, levels, labels in TREES
            for kind in KINDS
        ),
    ),
    Claim(
        id="conv_kernels/C1.table",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For $L = 2$, patches of two, $\Lambda_{(0,0)}, \Lambda_{(1,0)},"
        r" \Lambda_{(1,1)}$ are 0.559217453161102, 0.0808239886680303, 0.00584579517544629 (RFK)"
        r" and 1.00015710262095, 0.279592894766353, 0.0348182215350586 (NTK), and seven more each,"
        r" to their 15 digits.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"{kind}, {len(labels)} labels",
                partial(_contracted, (2, 2), kind, labels),
                [LOW[kind][k] for k in labels],
                6e-15,
                {"the other kernel": [LOW["ntk" if kind == "rfk" else "rfk"][k] for k in labels]},
                levels,
            )
            for labels, levels in ((FEW, BOTH), (MORE, FULL))
            for kind in KINDS
        ),
    ),
    Claim(
        id="conv_kernels/C1.trace",
        source="section 3",
        provenance="recalled",
        kind="formula",
        statement=r"With multiplicities (both signs of each non-zero label, all permutations)"
        r" $\sum_k |\Lambda_k| = \sum_k \Lambda_k = K(x, x)$, 1 (RFK) or $L + 1$ (NTK), to"
        r" $10^{-13}$, for the kernels on grids of circles: no $\Lambda_k$ is negative.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            *(_traced((2, 2), kind, 256) for kind in KINDS),
            *(_traced((2, 3), kind, 48) for kind in KINDS),
            *(_traced((2, 2, 2), kind, 24) for kind in KINDS),
            *(_traced((2, 2), kind, 4096, FULL) for kind in KINDS),
            *(_traced((2, 3), kind, 192, FULL) for kind in KINDS),
            *(_traced((2, 2, 2), kind, 64, FULL) for kind in KINDS),
        ),
    ),
    Claim(
        id="conv_kernels/C1.permutations",
        source="section 3",
        provenance="recalled",
        kind="formula",
        statement=r"$\Lambda_k$ is invariant under permutations of the tree of patches and no"
        r" others: for $L = 3$, patches of two, $(3,1,2,0)$ is as $(2,0,1,3)$, not $(3,2,1,0)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_permuted(kind) for kind in KINDS),
    ),
    Claim(
        id="conv_kernels/C1.readout",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"A readout that averages $p_L = 2$ positions halves each eigenvalue but"
        r" $\Lambda_0$, and labels of two positions have eigenvalue 0 ($L = 2$, patches of two).",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_positions(kind) for kind in KINDS),
    ),
)
