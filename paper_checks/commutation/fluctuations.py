"""C5, C6: how the kernel of a wide residual network fluctuates, and the law of its neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm

from paper_checks.commutation.observe import C0, DEPTH, MILLION, at_depth, kernel, standard, wide
from paper_checks.core import Case, Claim, Level, Measured, Verdict
from paper_checks.laws import law_within
from paper_checks.observing import joined, weighted
from paper_checks.rules import mean_within
from paper_checks.trends import richardson
from theory import commutation as theory
from theory import depth_limit
from theory.prediction import Prediction

AA, BB, AB = 0, 1, 2


def _to_infinite_width(name: str, narrow: int, **params: Any) -> Measured:
    """2 X_2n - X_n: the term 1/n drops out."""
    widths = (narrow, 2 * narrow)
    if not params:
        runs = [standard(n, name) for n in widths]
    else:
        runs = [kernel(name, width=n, **params) for n in widths]
    return joined(partial(richardson, "n", narrow), runs)


def _variance(index: int, **of: Any) -> Callable[[], Prediction]:
    def predict() -> Prediction:
        found = wide(**of)
        value, error = found.covariance[index, index], found.covariance_error[index, index]
        return Prediction(float(value), float(error), "particles on a grid")

    return predict


def _independent(index: int, **of: Any) -> Callable[[], float]:
    """n Var of a mean over neurons that were independent Gaussians."""

    def predict() -> float:
        q = at_depth(**of)
        return {AA: 2 * q.q_aa**2, BB: 2 * q.q_bb**2, AB: q.q_aa * q.q_bb + q.q_ab**2}[index]

    return predict


def _fluctuation(
    label: str, name: str, index: int, tolerance: float, narrow: int = 25, **more: Any
) -> Case:
    """The relative tolerance holds the next order, about 6/n^2 after extrapolation in n."""
    levels = more.pop("levels", ("quick", "full"))
    of = more.pop("of", {})
    params = {"depth": DEPTH, **more} if more else {}
    predict = _variance(index, **of)
    return Case(
        label=label,
        observe=_to_infinite_width(name, narrow, **params),
        predict=predict,
        rule=mean_within(lambda v: tolerance * abs(v)),
        mutants={
            "independent neurons: 2 q^2, or q_aa q_bb + q_ab^2": _independent(index, **of),
            "one quarter more": lambda: 1.25 * predict().value,
        },
        levels=levels,
    )


def _unequal(tolerance: float) -> Case:
    gram = ((1.0, 0.5), (0.5, 2.0))
    return _fluctuation(
        "n Var q_ab, (q_aa, q_bb, q_ab) = (1, 2, 0.5)",
        "n_var_q_ab",
        AB,
        tolerance,
        gram=gram,
        quick=100_000,
        full=2 * MILLION,
        of={"correlation": 0.5 / math.sqrt(2), "q_bb": 2.0},
        levels=("full",),
    )


def _log_variance(
    width: int, tolerance: float, levels: tuple[Level, ...] = ("quick", "full")
) -> Case:
    return Case(
        label=f"n Var log q_aa, n = {width}",
        observe=weighted([width], [standard(width, "var_log_q")]),
        predict=lambda: theory.log_expansion(1.0, 1.0, "relu", DEPTH).variance,
        rule=mean_within(tolerance),
        mutants={
            "2: independent neurons": lambda: 2.0,
            "2 + 5 t, as one layer of an MLP": lambda: 7.0,
            "v without the clock's memory": lambda: 2 + 4 * -math.expm1(-0.5),
        },
        levels=levels,
    )


def _bias(
    label: str,
    name: str,
    width: int,
    expansion: Callable[..., Any],
    limit: Callable[[], float],
    tolerance: float,
) -> Case:
    def at(part: str) -> float:
        found = expansion(depth=DEPTH)
        return float(found.value + (found.bias / width if part == "bias" else 0))

    return Case(
        label=f"{label}, n = {width}",
        observe=standard(width, name),
        predict=lambda: at("bias"),
        rule=mean_within(tolerance),
        mutants={"unbiased at this depth": lambda: at("none"), "both limits": limit},
    )


def _limit_of_log() -> float:
    return math.log(theory.covariance(1.0, 1.0, C0, 1.0).q_aa)


def _log(depth: int) -> theory.Expansion:
    return theory.log_expansion(1.0, 1.0, "relu", depth)


def _correlation(depth: int) -> theory.Expansion:
    return theory.correlation_expansion(1.0, 1.0, C0, 1.0, "relu", depth)


def _mean(label: str, name: str, index: int, activation: str, tolerance: float) -> Case:
    """n (E q - Q_L) itself, at n = 10 and 20, extrapolated in n."""
    narrow = 10

    def observed() -> Measured:
        runs = [
            kernel(
                name,
                width=n,
                depth=DEPTH,
                activation=activation,
                quick=MILLION,
                full=24 * MILLION,
            )
            for n in (2 * narrow, narrow)
        ]
        # n_2 (X_2n - Q) 2 - n (X_n - Q) with n_2 = 2n: 4n X_2n - n X_n - 3n Q.
        return weighted([4 * narrow, -narrow], runs)

    def predict(factor: float) -> float:
        found = wide(activation=activation)
        q = at_depth(activation=activation)[index]
        return float(factor * found.correction[index] + 3 * narrow * q)

    return Case(
        label=label,
        observe=observed(),
        predict=lambda: predict(1),
        rule=mean_within(tolerance),
        mutants={"no bias of order 1/n": lambda: predict(0), "twice": lambda: predict(2)},
        levels=("full",),
    )


# --- C6 -----------------------------------------------------------------------------------------

EDGES = tuple(float(x) for x in norm.ppf(np.arange(1, 64) / 64) * 1.28)


def _law(binned: str, variance: Callable[[], float], mutants: dict[str, Any]) -> Case:
    """Neuron by neuron the law is a mixture of normals: off by less than 0.15/n (kurtosis 8/n)."""
    width = 50
    return Case(
        label=f"law of {binned}, n = {width}",
        observe=kernel(
            "law",
            width=width,
            depth=DEPTH,
            correlation=C0,
            binned=binned,
            edges=EDGES,
            quick=60_000,
            full=MILLION,
        ),
        predict=partial(_normal, variance),
        rule=law_within(0.02),
        mutants={name: partial(_normal, v) for name, v in mutants.items()},
    )


def _normal(variance: Callable[[], float]) -> Any:
    return norm(scale=math.sqrt(variance())).cdf


def _difference() -> float:
    q = at_depth()
    return q.q_aa + q.q_bb - 2 * q.q_ab


def _positive(width: int, tolerance: float) -> Case:
    """At full level alone: the deficit is small against its error otherwise."""
    return Case(
        label=f"P(Y > 0), n = {width}",
        observe=standard(width, "positive"),
        predict=lambda: 0.5 - depth_limit.width_corrections(1.0).a / width,
        rule=mean_within(tolerance),
        mutants={
            "one half": lambda: 0.5,
            "twice the deficit": lambda: 0.5 - 2 * depth_limit.width_corrections(1.0).a / width,
        },
        levels=("full",),
    )


def _third(width: int, tolerance: float) -> Case:
    return Case(
        label=f"E Y^3, n = {width}",
        observe=standard(width, "third_moment"),
        predict=lambda: depth_limit.skewness_coefficient(1.0) / width,
        rule=mean_within(tolerance),
        mutants={"no skewness": lambda: 0.0},
    )


def _fourth(width: int, tolerance: float) -> Case:
    def excess() -> float:
        return 3 * (theory.log_expansion(1.0, 1.0, "relu", DEPTH).variance - 2)

    def fourth(excess: float) -> float:
        # E Y^4 of a normal law of random variance: 3 E hat q^2 + O(1/n) of the skewness' square.
        q = float(at_depth().q_aa + wide().correction[AA] / width)
        return (3 + excess / width) * q * q

    return Case(
        label=f"E Y^4, n = {width}",
        observe=standard(width, "fourth_moment"),
        predict=lambda: fourth(excess()),
        rule=mean_within(tolerance),
        mutants={"that of a normal law": lambda: fourth(0.0)},
    )


CLAIMS = (
    Claim(
        id="commutation/C5.variance",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$n \operatorname{Var} \hat q_{ab}$ of a ReLU residual network tends to $V_{ab}"
        r" = \operatorname{Var}[x_a x_b(1) + \int_0^1 \Psi \cdot (\phi(x_a)^2, \phi(x_b)^2,"
        r" \phi(x_a)\phi(x_b))\,dr]$ of one particle and its clock, here in its form for depth 25:"
        r" $n = 25$ and 50, extrapolated in $1/n$ (quick to 9 %, full to 2.5 %).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _fluctuation("n Var q_aa", "n_var_q_aa", AA, 0.09, levels=("quick",)),
            _fluctuation("n Var q_ab, c_0 = 0.3", "n_var_q_ab", AB, 0.09, levels=("quick",)),
            _fluctuation("n Var q_aa, to 2.5 %", "n_var_q_aa", AA, 0.025, 50, levels=("full",)),
            _fluctuation("n Var q_ab, to 2.5 %", "n_var_q_ab", AB, 0.025, 50, levels=("full",)),
            _unequal(0.04),
            *(
                _fluctuation(
                    f"n Var q_ab, {activation}",
                    "n_var_q_ab",
                    AB,
                    0.04,
                    activation=activation,
                    quick=MILLION,
                    full=2 * MILLION,
                    of={"activation": activation},
                    levels=("full",),
                )
                for activation in ("tanh", "abs")
            ),
        ),
    ),
    Claim(
        id="commutation/C5.log-variance",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$n \operatorname{Var}\log\hat q_{aa}$ of a ReLU residual network tends to"
        r" $v(1) = 4.675$ as width and depth grow, and to 4.591 at depth 25, with $v(t) = 2 +"
        r" 4(1 - e^{-t/2}) + 2\int_0^t (t - w)(K(e^{-w/4}) - \frac14)\,dw$: to 5 % at $n = 50$ and"
        r" to 2.2 % at $n = 100$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_log_variance(50, 0.23), _log_variance(100, 0.1, ("full",))),
    ),
    Claim(
        id="commutation/C5.bias",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Functions of the kernel are biased by order $1/n$: with ReLU, depth 25 and"
        r" $c_0 = 0.3$, $\mathbb{E}\log\hat q_{aa} = \log q - 2.2/n$ and the mean correlation is"
        r" $c - 0.38/n$, both from $V$ and the bias $B$ of the kernel, at $n = 50$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _bias("E log q_aa", "log_q", 50, _log, _limit_of_log, 0.012),
            _bias(
                "mean correlation",
                "correlation",
                50,
                _correlation,
                lambda: theory.correlation(C0, 1.0),
                0.0045,
            ),
        ),
    ),
    Claim(
        id="commutation/C5.mean",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$n(\mathbb{E}\hat q - q_L)$ tends to $B$, the effect of a particle on its own"
        r" clock and of the clock's variance on $\mathbb{E}\phi\phi$: with ReLU at depth 25,"
        r" $B_{aa} = 0.183$ and $B_{ab} = 0.066$, and with $|x|$ $B_{ab} < 0$; $n = 10$ and 20,"
        r" extrapolated in $1/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _mean("B_aa, ReLU", "q_aa", AA, "relu", 0.05),
            _mean("B_ab, ReLU", "q_ab", AB, "relu", 0.03),
            _mean("B_ab, |x|", "q_ab", AB, "abs", 0.1),
        ),
    ),
    Claim(
        id="commutation/C6.gaussian",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"A neuron of a wide residual network, and its difference between two inputs,"
        r" has nearly the normal law of the limit kernel: within 0.02 in distribution at $n = 50$,"
        r" depth 25.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _law(
                "neuron",
                lambda: at_depth().q_aa,
                {"the input's variance": lambda: 1.0, "time 2": lambda: math.e},
            ),
            _law(
                "difference",
                _difference,
                {
                    "independent inputs": lambda: 2 * at_depth().q_aa,
                    "difference of the inputs": lambda: 2 - 2 * C0,
                },
            ),
        ),
    ),
    Claim(
        id="commutation/C6.corrections",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The law of a neuron of a ReLU residual network is off by order $1/n$, not"
        r" $n^{-1/2}$: $P(Y > 0) = \frac12 - a(1)/n$, $\mathbb{E}Y^3 = (24/\sqrt{2\pi})(e^{3/4} -"
        r" e^{1/2})/n$ and excess kurtosis $3(v(1) - 2)/n$, at $n = 25$ and 50, depth 25"
        r" ($P(Y > 0)$ at full level).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_positive(25, 0.0006), _third(25, 0.09), _fourth(50, 0.3)),
    ),
)
