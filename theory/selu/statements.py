r"""The theorems on SELU as statements for the prover.

The variables are mu, omega, nu and tau: common mean and variance of the inputs of a neuron, sum of
its weights and sum of their squares.  Every statement keeps the constants of a fixed point
(target_mean, target_variance) at (at_omega, at_tau) in closed form; the defaults are the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from theory.rigor.balls import ball
from theory.rigor.statements import Domain, Goal, Parameters, Point, Statement
from theory.selu import balls, funnel, window_ends
from theory.selu.goals import (
    RELATIVE,
    TARGET,
    constants,
    contraction_goal,
    dropped,
    falling_goal,
    image_goal,
    lift,
    most_tau,
    rising_goal,
    root,
)


def _theorem_1(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    selu = constants(parameters)
    return (
        image_goal("invariance", domain, selu, domain["mu"], domain["nu"]),
        contraction_goal(domain, selu, parameters["norm"]),
    )


def _with_box(domain: Domain, parameters: Parameters) -> Parameters:
    """The box of (mu, nu) beside the other parameters: what an image is compared with."""
    return {**parameters, "box": (domain["mu"], domain["nu"])}


def _contraction(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    return (contraction_goal(domain, constants(parameters), parameters["norm"]),)


def _image(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    mean = parameters["mean_low"], parameters["mean_high"]
    variance = parameters["variance_low"], parameters["variance_high"]
    return (image_goal("image", domain, constants(parameters), mean, variance),)


def _theorem_2(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    return (falling_goal(domain, constants(parameters), parameters["margin"]),)


def _theorem_3(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    return (rising_goal(domain, constants(parameters), parameters["margin"]),)


def _theorem_16(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    selu, tau = constants(parameters), most_tau(domain)

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        m = balls.moments(box, selu, derivatives=True)
        assert m.variance_x is not None
        slope = m.enclose(m.variance_x * tau(m))
        return 1 - slope, 1 + slope

    return (Goal("slope", root(domain), enclose, lift(domain), RELATIVE),)


def _descent(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    selu = constants(parameters)
    bound = parameters["mean_bound"]

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        m = balls.moments(box, selu)
        mean = m.enclose(m.mean)
        return mean + edge, edge - mean

    edge = ball(bound)
    return (
        Goal("mean stays", root(domain), enclose, lift(domain), RELATIVE),
        falling_goal(domain, selu, parameters["margin"]),
    )


def _dropout(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    selu, keep = constants(parameters), parameters["keep"]
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and at most 1, not {keep}.")
    after = dropped(selu, ball(keep), *(ball(parameters[name]) for name in list(TARGET)[:2]))
    return (
        image_goal("invariance", domain, selu, domain["mu"], domain["nu"], after),
        contraction_goal(domain, selu, parameters["norm"], after),
    )


def _window(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    selu = constants(parameters)
    if domain["x"][0] <= 0:
        raise ValueError(f"the range of x must be positive, not begin at {domain['x'][0]}.")

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        m = balls.moments((arb(0), box[0]), selu, derivatives=True)
        assert m.variance_x is not None
        return (m.enclose(m.variance - m.coordinate() * m.variance_x),)

    def point(at: tuple[Fraction, ...]) -> Point:
        low, high = domain["x"]
        return {"x": min(max(at[0], low), high)}

    return (Goal("quotient falls", (domain["x"],), enclose, point, (True,)),)


def _statement(
    name: str, text: str, ranges: str, goals: Any, prepare: Any = None, **parameters: Any
) -> Statement:
    """A statement on "mu nu omega tau" given as text, four pairs of ends."""
    numbers = ranges.split()
    domain = {
        variable: (numbers[2 * i], numbers[2 * i + 1])
        for i, variable in enumerate(("mu", "omega", "nu", "tau"))
    }
    more = {"prepare": prepare} if prepare else {}
    return Statement(f"selu/{name}", text, domain, goals, {**parameters, **TARGET}, **more)


OMEGA = "-0.1 0.1 -0.1 0.1 0.8 1.5 0.95 1.1"
STATEMENTS = {
    s.name: s
    for s in (
        _statement(
            "theorem-1",
            r"$(\mu, \nu) \mapsto (\tilde\mu, \tilde\nu)$ maps the box into itself and its "
            r"Jacobian has spectral norm below `norm`.",
            OMEGA,
            _theorem_1,
            _with_box,
            norm="1",
            box=(),
        ),
        _statement(
            "contraction",
            r"The Jacobian of $(\tilde\mu, \tilde\nu)$ has spectral norm below `norm`.",
            "-0.1 0.1 -0.1 0.1 0.8 1.5 0.8 1.25",
            _contraction,
            norm="1",
        ),
        _statement(
            "image",
            r"$\tilde\mu$ and $\tilde\nu$ lie strictly between the stated bounds.",
            OMEGA,
            _image,
            mean_low="-0.0311",
            mean_high="0.06773",
            variance_low="0.80009",
            variance_high="1.48617",
        ),
        _statement(
            "theorem-2",
            r"$\tilde\nu < \nu$ - `margin`.",
            "-1 1 -0.1 0.1 3 16 0.8 1.25",
            _theorem_2,
            margin="0",
        ),
        _statement(
            "theorem-3",
            r"$\tilde\nu > \nu$ + `margin`.",
            "-0.1 0.1 -0.1 0.1 0.02 0.16 0.8 1.25",
            _theorem_3,
            margin="0",
        ),
        _statement(
            "theorem-16",
            r"$|\partial\tilde\nu / \partial\nu| < 1$.",
            "-0.1 0.1 -0.1 0.1 1.5 16 0.8 1.25",
            _theorem_16,
        ),
        _statement(
            "descent",
            r"$|\tilde\mu|$ < `mean_bound` and $\tilde\nu < \nu$ - `margin`: every layer lowers "
            r"the variance until it leaves the set downwards.",
            "-1.25 1.25 -0.1 0.1 3 16 0.8 1.25",
            _descent,
            mean_bound="1.25",
            margin="0.08",
        ),
        _statement(
            "dropout",
            r"With alpha dropout (kept with probability `keep`) after the activation the box is "
            r"still mapped into itself, with spectral norm below `norm`.",
            OMEGA,
            _dropout,
            _with_box,
            keep="0.95",
            norm="1",
            box=(),
        ),
        Statement(
            "selu/window",
            r"$\tilde\nu(0, x) / x$ is strictly decreasing.",
            {"x": ("0.01", "100")},
            _window,
            TARGET,
        ),
        Statement(
            "selu/window-ends",
            r"$\tilde\nu(0, x) / x$ is strictly decreasing where $\sqrt x$ is in the range of r, "
            r"and where $1 / \sqrt x$ is in the range of s.",
            {"r": ("0", "0.1"), "s": ("0", "0.1")},
            window_ends.goals,
            TARGET,
        ),
        _statement(
            "funnel",
            r"After one layer more than there are `rectangles` every start lies inside the target "
            r"box, for any $(\omega, \tau)$ of the domain, another one in each layer if need be.",
            "-1.25 1.25 -0.1 0.1 0.02 16 0.95 1.1",
            funnel.goals,
            funnel.prepare,
            mean_low="-0.1",
            mean_high="0.1",
            variance_low="0.8",
            variance_high="1.5",
            rectangles=(),
        ),
        _statement(
            "global",
            r"For each fixed $(\omega, \tau)$ there is exactly one fixed point in the box of "
            r"$(\mu, \nu)$ and it attracts all of the box.",
            "-1.25 1.25 -0.1 0.1 0.02 16 0.8 1.25",
            funnel.global_goals,
            funnel.prepare_global,
            cells="9",
            rectangles=(),
        ),
    )
}
