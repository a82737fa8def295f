"""C1 and C2: the moment map of SELU, its constants and its Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from paper_checks.core import BOTH, FULL, Case, Claim, Computed, Verdict
from paper_checks.identities import agree, proved
from paper_checks.rules import mean_within, proof
from paper_checks.selu import symbolic
from paper_checks.selu.observe import MILLION, sampled
from paper_checks.verdict import Checked
from simulations.selu import NEURON
from theory import selu as theory
from theory.activations import activation

POINTS = (
    (0.0, 1.0),
    (0.01, 1.65),
    (-0.125, 20.0),
    (1.0, 1.0),
    (-3.0, 0.25),
    (0.01, 0.02),
    (2.5, 0.3),
)
"""(y, x), mean and variance of z."""
LAYERS = ((0.1, 1.5, 0.1, 1.1), (1.0, 3.0, 0.1, 1.25), (0.5, 1.0, 2.0, 1.0))
"""(mu, nu, omega, tau), with mu and omega away from 0."""

DIGITS = {
    "scale": "1.050700987355480493419334985294606351959",
    "alpha": "1.673263242354377284817042991671652038461",
}
"""Rounded to 39 digits; recomputed at 50 digits from the closed forms of the paper."""


class Digits(NamedTuple):
    """A decimal that a constant is said to round to, and its number of digits."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} = {self.text}"


def _rounds_to(_: Any, stated: Digits) -> Checked:
    """Proved where the ball of the constant lies within half a unit of the last digit."""
    from theory.rigor.balls import ball, exact, precision
    from theory.selu.balls import constants

    found = getattr(constants(exact("0"), exact("1")), stated.name)
    with precision(200):
        half = exact(f"5e-{len(stated.text.partition('.')[2]) + 1}")
        value = exact(stated.text)
        low, high = ball(value - half), ball(value + half)
        if found > low and found < high:
            return Verdict.PROVED, None
        if found < low or found > high:
            return Verdict.REFUTED, {"value": found.str(45)}
    return Verdict.INCONCLUSIVE, None


def _digits(name: str) -> Case:
    text = DIGITS[name]
    other = text[:-1] + str((int(text[-1]) + 1) % 10)
    wrong = {"another last digit": other, "four decimals": text[:6]}
    if name == "scale":  # 1.0507 is 1.05070098... rounded
        wrong["four decimals"] = "1.05070000"
    return Case(
        label=f"{name}, {len(text) - 1} digits",
        observe=Computed(partial(str, f"ball of {name}")),
        predict=partial(Digits, name, text),
        rule=proof(_rounds_to),
        mutants={label: partial(Digits, name, value) for label, value in wrong.items()},
    )


def _closed(power: float = 1.0, sign: float = 1.0) -> list[float]:
    """Mean and variance of f(z) in closed form; the arguments make them wrong."""
    found = [theory.gaussian_moments(sign * y, x**power) for y, x in POINTS]
    return [value for moments in found for value in moments]


def _integrated() -> list[float]:
    """The same by quadrature on both sides of the kink."""
    selu = activation("selu")
    found = [theory.gaussian_moments(y, x, activation=selu) for y, x in POINTS]
    return [value for moments in found for value in moments]


def _wrong(name: str, mu: float, nu: float, omega: float, tau: float) -> Callable[[], float]:
    return lambda: float(getattr(theory.moment_map(mu, nu, omega, tau), name))


def _neuron(name: str, number: int, tolerance: float, levels: Any = BOTH) -> Case:
    mu, nu, omega, tau = LAYERS[number]
    wrong = {"omega of the other sign": _wrong(name, mu, nu, -omega, tau)}
    if tau != 1:
        wrong["tau as a standard deviation"] = _wrong(name, mu, nu, omega, tau**2)
    run = {"mean": mu, "variance": nu, "omega": omega, "tau": tau, "dtype": "float64"}
    return Case(
        label=f"{name} at (mu, nu, omega, tau) = {LAYERS[number]}",
        observe=sampled(NEURON, name, 4 * MILLION, 20 * MILLION, **run),
        predict=_wrong(name, mu, nu, omega, tau),
        rule=mean_within(tolerance),
        mutants=wrong,
        levels=levels,
    )


def _differences(step: float = 2e-3) -> list[float]:
    """Central differences of order 6 of the map by quadrature: error about 1e-11."""
    selu = activation("selu")
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    found: list[float] = []
    for mu, nu, omega, tau in LAYERS:
        for d_mu, d_nu in ((step, 0.0), (0.0, step)):
            total = np.zeros(2)
            for k, weight in weights.items():
                for sign in (1, -1):
                    at = (mu + sign * k * d_mu, nu + sign * k * d_nu, omega, tau)
                    total += sign * weight * np.array(theory.moment_map(*at, activation=selu))
            found += (total / step).tolist()
    return found


def _jacobians(second_moment: bool = False) -> list[float]:
    """The four entries at each point, column by column; of (mean, second moment) if asked for."""
    found: list[float] = []
    for point in LAYERS:
        table = theory.jacobian(*point)
        if second_moment:
            table[1] += 2 * theory.moment_map(*point).mean * table[0]
        found += table.T.ravel().tolist()
    return found


def _at_target() -> list[float]:
    table = theory.jacobian(0.0, 1.0, 0.0, 1.0)
    norm, radius = theory.spectral_norm(table), theory.spectral_radius(table)
    return [float(v) for v in (table[0, 1], table[1, 1], norm, radius)]


CLAIMS = (
    Claim(
        id="selu/C1.constants",
        source="equations (11) to (14)",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"With $\alpha = \sqrt{2/\pi}/(1 - \sqrt e\,\mathrm{erfc}(1/\sqrt2))$ and"
        r" $\lambda = (1 - \sqrt e\,\mathrm{erfc}(1/\sqrt2))\sqrt{2\pi}\,[2e^2\mathrm{erfc}"
        r"(\sqrt2) + \pi e\,\mathrm{erfc}(1/\sqrt2)^2 - 2(2 + \pi)\sqrt e\,\mathrm{erfc}"
        r"(1/\sqrt2) + \pi + 2]^{-1/2}$, $f(z)$ has mean 0 and variance 1 for $z \sim N(0, 1)$,"
        r" so that $(0, 1)$ is a fixed point at $\tau = 1$ for every $\omega$; not with 1.0507"
        r" and 1.6733.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "mean",
                symbolic.mean_at_target,
                symbolic.PUBLISHED,
                {"1.6733": "16733/10000", "alpha = 1": 1},
            ),
            proved(
                "second moment",
                symbolic.second_moment_at_target,
                symbolic.PUBLISHED,
                {"1.0507": "10507/10000", "scale 1": 1},
            ),
        ),
    ),
    Claim(
        id="selu/C1.digits",
        source="equations (11) to (14)",
        provenance="derived",
        kind="formula",
        statement=r"To 40 digits $\lambda = 1.050700987355480493419334985294606351959$ and"
        r" $\alpha = 1.673263242354377284817042991671652038461$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(_digits(name) for name in DIGITS),
    ),
    Claim(
        id="selu/C1.building-blocks",
        source="equations (4), (5)",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"For $z \sim N(y, x)$, $x$ a variance, $\mathbb{E}[e^{kz}; z < 0] = \frac12"
        r" e^{ky + k^2x/2}\,\mathrm{erfc}((y + kx)/\sqrt{2x})$, $k = 1, 2$, and"
        r" $\mathbb{E}[z; z > 0] = yP + xp$ with $P = \mathrm P(z > 0)$ and $p$ the density of $z$"
        r" at 0.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            *(
                proved(
                    f"E[e^({k}z); z < 0]",
                    partial(symbolic.exponential_moment, power=k),
                    "1/2",
                    {"exp(ky + k^2 x)": 1, "the other sign": "-1/2"},
                )
                for k in (1, 2)
            ),
            proved("E[z; z > 0]", symbolic.linear_moment, 1, {"y P": 0, "y P - x p": -1}),
        ),
    ),
    Claim(
        id="selu/C1.quadrature",
        source="equations (4), (5)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The closed forms of mean and variance of $f(z)$, $z \sim N(y, x)$, are the"
        r" integrals, within $10^{-11}$ at seven points with $|y| \le 3$ and $0.02 \le x \le 20$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "seven points",
                _closed,
                _integrated,
                1e-11,
                {
                    "x as a standard deviation": partial(_closed, 2.0),
                    "y of the other sign": partial(_closed, 1.0, -1.0),
                },
            ),
        ),
    ),
    Claim(
        id="selu/C1.neuron",
        source="equations (4), (5)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"A neuron with $z \sim N(\mu\omega, \nu\tau)$ has the mean and variance of the"
        r" closed forms: at $(\mu, \nu, \omega, \tau) = (0.5, 1, 2, 1)$, $(0.1, 1.5, 0.1, 1.1)$"
        r" and, at full level, $(1, 3, 0.1, 1.25)$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _neuron("mean", 2, 0.006),
            _neuron("variance", 2, 0.02),
            _neuron("mean", 0, 0.007),
            _neuron("variance", 0, 0.004, FULL),
            _neuron("mean", 1, 0.007, FULL),
            _neuron("variance", 1, 0.04, FULL),
        ),
    ),
    Claim(
        id="selu/C2.heat",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Mean and second moment $F(y, x)$ of $f(z)$, $z \sim N(y, x)$, obey"
        r" $\partial_x F = \frac12\partial_y^2 F$ for every $\lambda$ and $\alpha$, despite the"
        r" kink of $f$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=tuple(
            proved(name, partial(symbolic.heat, moment=k), "1/2", {"1": 1, "1/4": "1/4"})
            for k, name in ((1, "mean"), (2, "second moment"))
        ),
    ),
    Claim(
        id="selu/C2.jacobian",
        source="equation (6)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The Jacobian of $(\mu, \nu) \mapsto (\tilde\mu, \tilde\nu)$ is $M(y, x)"
        r"\,\mathrm{diag}(\omega, \tau)$ with $M = [[m_y, \frac12 m_{yy}], [\xi_y - 2 m m_y,"
        r" \frac12\xi_{yy} - m\,m_{yy}]]$, $m$ and $\xi$ mean and second moment: central"
        r" differences of integrals at three points agree within $10^{-9}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "three points",
                _differences,
                _jacobians,
                1e-9,
                {"of (mean, second moment)": partial(_jacobians, True)},
            ),
        ),
    ),
    Claim(
        id="selu/C2.at-fixed-point",
        source="equation (6)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"At $(\mu, \nu) = (0, 1)$, $\omega = 0$, $\tau = 1$ the Jacobian is $[[0,"
        r" 0.0888348], [0, 0.7826479]]$, its spectral norm 0.7876734 and its spectral radius"
        r" 0.7826479, all to $5 \cdot 10^{-8}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "J12, J22, norm, radius",
                _at_target,
                [0.0888348, 0.7826479, 0.7876734, 0.7826479],
                5.1e-8,
                {
                    "norm for radius": [0.0888348, 0.7826479, 0.7876734, 0.7876734],
                    "no half": [0.1776695, 0.7826479, 0.7876734, 0.7826479],
                },
            ),
        ),
    ),
    Claim(
        id="selu/C2.published",
        source="equation (6)",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"The published entry 0.088834 of the Jacobian at the fixed point is within one"
        r" unit of its last digit of $\partial\tilde\mu/\partial\nu$ (it is cut off, not rounded:"
        r" 0.0888348).",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(agree("J12", lambda: _at_target()[0], 0.088834, 1e-6, {"no half": 0.177669}),),
    ),
)
