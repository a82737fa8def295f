"""C20: the norm before the activation, whose regime changes at width 2 for every activation."""

from __future__ import annotations

from paper_checks.core import Case, Claim, Measured, Verdict, measured
from paper_checks.depth_limit.observe import MILLION
from paper_checks.identities import proved
from paper_checks.observing import weighted
from paper_checks.rules import mean_within, ordered
from simulations.core import Experiment
from simulations.depth_limit import PRE_NORM, Params
from theory import depth_limit as theory
from theory.depth_limit import symbolic
from theory.prediction import Prediction

SHORT, SHORT_DEPTH = 0.01, 16
"""Horizon and depth of the rates at 0+: 0.01 is in time what 0.1 is in X."""


def constant_at_two(depth: int, time: float = 1.0) -> Prediction:
    """E log|Y_L|/|Y_0| at width 2: in [0, (L/2) E_1(L/t)], whatever phi with |phi(x)| <= |x|."""
    half = theory.log_norm_bias_bound(depth, time) / 2
    return Prediction(half, half, "E_1 bound")


def early(experiment: Experiment, name: str, width: int, activation: str = "relu") -> Measured:
    """Mean rate on [0, 0.01] of what `name` estimates."""
    params = Params(width=width, depth=SHORT_DEPTH, time=SHORT, activation=activation)
    full = (4 if width == 1 else 1) * MILLION
    run = measured(experiment, params, name, quick=200_000, full=full)
    return weighted([1 / SHORT], [run])


def _at_two(activation: str, depth: int, tolerance: float, *, full_only: bool = False) -> Case:
    """No tolerance for the depth: the bound is what a finite depth may add."""
    return Case(
        label=f"{activation}, L = {depth}" + (f", to {tolerance:g}" if full_only else ""),
        observe=measured(
            PRE_NORM,
            Params(width=2, depth=depth, activation=activation),
            "log_pre_norm",
            quick=MILLION if depth <= 8 else 300_000,
            full=(8 if depth <= 8 else 4) * MILLION,
        ),
        predict=lambda: constant_at_two(depth),
        rule=mean_within(tolerance),
        mutants={
            "rate r_n of the norm after phi": lambda: theory.log_norm_rate_at_zero(2, activation),
            "rate (n - 1)/(2n) E|phi|^2/|X|^2": lambda: (
                1.5 * theory.pre_norm_rate_at_zero(3, activation)
            ),
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


def _one_layer(width: int) -> Case:
    """Depth 1 to time 4, started at (1, ..., 1): x = n/8, noise larger than the signal."""
    ratio = width / 8
    mutants = {"E_1(x)": lambda: 2 * theory.one_layer_log_growth(2, ratio)}
    if width != 2:
        mutants = {"E_1(x)/2": lambda: theory.one_layer_log_growth(2, ratio)}
    return Case(
        label=f"n = {width}, x = {ratio:g}",
        observe=measured(
            PRE_NORM,
            Params(width=width, depth=1, time=4.0, start=1.0),
            "log_pre_norm",
            quick=MILLION,
            full=8 * MILLION,
        ),
        predict=lambda: theory.one_layer_log_growth(width, ratio),
        rule=mean_within(0.03),
        mutants=mutants,
        levels=("quick", "full") if width > 1 else ("full",),
    )


def _rate(width: int, name: str, *, full_only: bool = False) -> Case:
    alive = name.endswith("alive")
    return Case(
        label=f"n = {width}" + (", given N_0 > 0" if alive else ""),
        observe=early(PRE_NORM, name, width),
        predict=lambda: theory.pre_norm_rate_at_zero(width, given_alive=alive),
        rule=mean_within(0.003),
        mutants={
            "r_n": lambda: theory.log_norm_rate_at_zero(width),
            "(n - 1)/(4n)": lambda: (width - 1) / (4 * width),
            "the other condition": lambda: theory.pre_norm_rate_at_zero(
                width, given_alive=not alive
            ),
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


def _growth(width: int) -> Measured:
    return measured(
        PRE_NORM,
        Params(width=width, depth=64),
        "log_pre_norm",
        quick=100_000,
        full=MILLION,
    )


def _sign(width: int, *, full_only: bool = False) -> Case:
    sign = -1.0 if width == 1 else 1.0
    return Case(
        label=f"n = {width}",
        observe=_growth(width),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other sign": lambda: -sign},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _later_layers(width: int, *, full_only: bool = False) -> Case:
    """The first 8 layers of 16 to time 1 are a network of depth 8 to time 1/2."""
    runs = [
        measured(
            PRE_NORM,
            Params(width=width, depth=depth, time=depth / 16),
            "log_pre_norm",
            quick=200_000,
            full=MILLION,
        )
        for depth in (8, 16)
    ]
    return Case(
        label=f"n = {width}, layers 8 to 16 of 16",
        observe=weighted([-1, 1], runs),
        predict=lambda: 1.0,
        rule=ordered(),
        mutants={"decreasing": lambda: -1.0},
        levels=("full",) if full_only else ("quick", "full"),
    )


CLAIMS = (
    Claim(
        id="depth_limit/C20.ito",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Let $dV = (k/n)^{1/2}\,dB$ in $n$ dimensions: $V = X$ with $k = |\phi(X)|^2$ or"
        r" a tangent with $k = |\phi'(X)V|^2$; then $\log|V|$ has drift"
        r" $\frac{n-2}{2n}\,k/|V|^2$ and bracket $k/(n|V|^2)$, and one layer of a network of width"
        r" 2 adds $\frac12 E_1(|y|^2/(2\sigma^2))$ to $\mathbb{E}\log|y|$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "drift (n + c)/(2n), any n",
                symbolic.radial_log_drift,
                "-2",
                {"c = -1": "-1", "c = -4": "-4"},
            ),
            proved("bracket n^p, any n", symbolic.radial_log_bracket, "-1", {"p = -2": "-2"}),
            proved(
                "one layer, slope of log x + c E_1(x)",
                symbolic.one_layer_growth,
                "1",
                {"c = 2": "2", "c = 1/2": "1/2"},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C20.width-two",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $n = 2$ and for every $\phi$ with $|\phi(x)| \le |x|$ the mean log-norm of"
        r" the pre-activations is constant in the limit, and at depth $L$ on $[0, 1]$:"
        r" $0 \le \mathbb{E}\log|Y_L|/|Y_0| \le \frac L2 E_1(L)$; networks with ReLU, tanh and"
        r" leaky ReLU of slope 0.2.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _at_two("relu", 8, 1.3e-3),
            _at_two("relu", 64, 8e-4),
            _at_two("tanh", 8, 1.3e-3),
            _at_two("relu", 8, 5e-4, full_only=True),
            _at_two("relu", 64, 2e-4, full_only=True),
            _at_two("tanh", 64, 2e-4, full_only=True),
            _at_two("leaky_relu:0.2", 8, 5e-4, full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C20.one-layer",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"One layer adds $\frac12\{E_1(x) + \int_0^1 (1 - (1-v)^{n/2-1}) e^{-xv}"
        r" \frac{dv}{v}\}$ to $\mathbb{E}\log|Y|$, $x = |y|^2/(2\sigma^2)$ and $\sigma z$ what the"
        r" layer adds: depth 1, $y = (1, \dots, 1)$, $n = 1, 2, 3$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=tuple(_one_layer(n) for n in (1, 2, 3)),
    ),
    Claim(
        id="depth_limit/C20.rate",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For ReLU $\frac{d}{dt}\mathbb{E}\log|X_t|$ at $t = 0^+$ is $\frac{n-2}{4n}$,"
        r" and $1/(1 - 2^{-n})$ times that given $N_0 > 0$: networks of widths 1, 3 and 4 run to"
        r" the short horizon 0.01.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _rate(1, "log_pre_norm", full_only=True),
            _rate(3, "log_pre_norm"),
            _rate(3, "log_pre_norm_alive"),
            _rate(4, "log_pre_norm", full_only=True),
            _rate(4, "log_pre_norm_alive", full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C20.regime-three-four",
        source="change of regime between widths 3 and 4, of another norm",
        provenance="derived",
        kind="formula",
        statement=r"The pre-activation norm changes regime between widths 3 and 4, as the"
        r" post-activation norm does: for ReLU $\mathbb{E}\log|X_1|/|X_0|$ is"
        r" $\mathbb{E}[\log|\phi(X_1)|/|\phi(X_0)| \mid N_0 > 0]$ at $n = 2$, and negative at"
        r" $n = 3$.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C20.regime",
        method="monte-carlo",
        cases=(
            Case(
                label="n = 2",
                observe=measured(
                    PRE_NORM,
                    Params(width=2, depth=64),
                    "log_pre_norm",
                    quick=300_000,
                    full=4 * MILLION,
                ),
                predict=lambda: theory.log_ratio(2, 1.0),
                rule=mean_within(1e-3),
                mutants={"r_2": lambda: theory.log_norm_rate_at_zero(2)},
            ),
            Case(
                label="n = 3",
                observe=_growth(3),
                predict=lambda: -1.0,
                rule=ordered(),
                mutants={},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C20.regime",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The regime change of the pre-activation norm is at $n = 2$ (where"
        r" $\mathbb{E}\log|X_t|$ is constant, C20.width-two): on $[0, 1]$ with ReLU it decreases at"
        r" $n = 1$ and increases at $n = 3$ and 4.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_sign(1, full_only=True), _sign(3), _sign(4, full_only=True)),
    ),
    Claim(
        id="depth_limit/C20.layers",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $n \ge 2$ $\log|x|$ is subharmonic, so $\mathbb{E}\log|Y_l|$ never"
        r" decreases with the layer $l$, at any depth: ReLU, depth 16, between layers 8 and 16 at"
        r" $n = 3$ and 4.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_later_layers(3), _later_layers(4, full_only=True)),
    ),
)
