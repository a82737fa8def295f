"""C1 by simulation: networks of finite width have the two kernels, up to O(1/n)."""

from __future__ import annotations

from functools import partial

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Measured, Verdict, measured
from paper_checks.observing import joined
from paper_checks.rules import mean_within
from paper_checks.trends import richardson
from simulations.ntk_classifiers import NETWORK, Params
from theory import ntk_classifiers as theory

DEPTH, DISTANCE = 3, 1.0

SAMPLES = {64: (1, 60_000), 128: (1, 60_000), 256: (3000, 20_000)}
"""Networks (quick, full) by width; two widths give the limit up to O(n^-2)."""


def _network(spec: str, width: int, name: str, depth: int = DEPTH) -> Measured:
    quick, full = SAMPLES[width]
    params = Params(activation=spec, depth=depth, width=width, distance=DISTANCE)
    return measured(NETWORK, params, name, quick=quick, full=full)


def _kernel(spec: str, name: str, depth: int = DEPTH) -> float:
    """nngp, ntk or ntk_diagonal of infinite width."""
    if name == "ntk_diagonal":
        return theory.ntk_diagonal(spec, depth)
    kernel = theory.ntk if name == "ntk" else theory.nngp
    return float(kernel(spec, DISTANCE, depth))


def _wrong(spec: str, name: str) -> dict[str, float]:
    """One layer more or less, and recursions of the NTK that are wrong."""
    wrong = {"one layer less": _kernel(spec, name, DEPTH - 1)}
    if name != "ntk":
        return wrong
    d, sigma = theory.dual(spec), 1 - DISTANCE**2 / 2
    bare = steep = sigma
    for _ in range(DEPTH):
        slope, sigma = d.derivative(sigma), d(sigma)
        bare, steep = bare * slope, sigma + steep * d.chaos
    return wrong | {"without Sigma_l": bare, "B' for D'(Sigma)": steep}


def _case(spec: str, name: str, tolerance: float, width: int | None = None) -> Case:
    """The mean at one width, or extrapolated from 64 and 128."""
    levels: tuple[Level, ...] = BOTH if width else FULL
    parts = [_network(spec, n, name) for n in (64, 128)]
    return Case(
        label=f"{name} of {spec}, {f'n = {width}' if width else 'extrapolated from n = 64, 128'}",
        observe=_network(spec, width, name)
        if width
        else joined(partial(richardson, "n", 64), parts),
        predict=partial(_kernel, spec, name),
        rule=mean_within(tolerance),
        mutants={text: partial(float, value) for text, value in _wrong(spec, name).items()},
        levels=levels,
    )


CLAIMS = (
    Claim(
        id="ntk_classifiers/C1.networks",
        source="the authors' code",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"Networks of width $n$, three hidden layers and weights $N(0, 1/n)$ have"
        r" $\mathbb{E}\langle h_L(x), h_L(x')\rangle/n$ and the mean of the tangent kernel within"
        r" $O(1/n)$ of $\Sigma_L$ and $K_L$: $\sin x$ at $n = 256$, $r = 1$, within 0.03 and 0.1;"
        r" at full level extrapolated from $n = 64$ and 128 within 0.013 and 0.05, and ReLU"
        r" within 0.027 and 0.065.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _case("sin", "nngp", 0.03, 256),
            _case("sin", "ntk", 0.1, 256),
            _case("sin", "ntk_diagonal", 0.25, 256),
            _case("sin", "nngp", 0.013),
            _case("sin", "ntk", 0.05),
            _case("relu", "nngp", 0.027),
            _case("relu", "ntk", 0.065),
        ),
    ),
)
