r"""Which classifier a deep, infinitely wide network becomes (C2 to C7), and how deep it must be.

    A != 0                  majority vote; B' < 1 without a ridge is kriging instead (see majority)
    A = 0, A' != 0          singular kernel 1/r^alpha, consistent in dimension d iff alpha = d
    A = A' = 0              nearest neighbour

The order of limits is depth first, then sample size.  A = 0 forces B' >= 1, with equality only for
linear phi, which has no limit classifier; A = A' = 0 forces B' >= 2.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from theory._checks import real, whole
from theory.ntk_classifiers.dual import UNCERTAIN, Dual, Spec, dual
from theory.ntk_classifiers.limits import bottcher, exponent, koenigs, ntk_offset
from theory.ntk_classifiers.majority import chaos_case, critical_ratio, fixed_point
from theory.ntk_classifiers.recursions import ntk, ntk_diagonal, tangent_kind

Kind = Literal["singular", "nearest-neighbour", "majority"]


@dataclass(frozen=True)
class Regime:
    """The limit of depth of one activation."""

    kind: Kind
    exponent: float | None
    """alpha of a singular kernel, else None."""
    case: str
    """B' against 1: ">", "=" or "<"."""
    details: str
    """One sentence."""
    doubt: str | None = None
    """What would change if a coefficient that cannot be told from 0 were not 0."""


class DepthNeeded(NamedTuple):
    """Layers after which the classifier is its limit, for typical random points."""

    layers: int
    condition: str


def regime(activation: Spec) -> Regime:
    """The limit classifier.  UserWarning if A or A' is too near 0 to tell (|.| < 1e-12)."""
    d = dual(activation)
    if d.order == 0:
        found = _majority(d)
    elif d.order == 1:
        if d.series[1] == 1:
            raise ValueError(f"{d.name} is linear: K_L = (L + 1) x.x' has no limit classifier.")
        alpha = exponent(d)
        found = Regime(
            "singular",
            alpha,
            ">",
            f"Hilbert kernel R(r)/r^{alpha:.6g}: consistent only in dimension {alpha:.6g}; "
            "R is log-periodic; the NTK shows an exponent larger by 2 unless L >> 1/r^2.",
        )
    else:
        found = Regime(
            "nearest-neighbour", None, ">", f"the nearest training point decides (D ~ x^{d.order})."
        )
    doubt = _doubt(d)
    if doubt is None:
        return found
    warnings.warn(doubt, UserWarning, stacklevel=2)
    return Regime(found.kind, found.exponent, found.case, found.details, doubt)


def depth_needed(
    n: int,
    d: float,
    activation: Spec,
    *,
    kernel: str = "nngp",
    tolerance: float = 0.1,
) -> DepthNeeded:
    """Layers for n random points of dimension d until the predictor is its limit (order of size).

    r_min = n^(-2/d) stands for the smallest distance between two of n points and n^(-1/d) for that
    to the nearest neighbour; constants that depend on the density are left out.  Below, e is
    `tolerance`.

        singular, NNGP     n a^L h(r_min) <= e
        singular, NTK      n K_L(r_min) <= e K_L(1), and c/h <= e (L + 1) at the nearest neighbour
        nearest neighbour  m^L (G(r_2) - G(r_1)) >= log(2n) + 20, r_2/r_1 = 2^(1/d)
        majority, B' > 1   n K_L(r_min) <= e K_L(1) and n |K_L(r_min) - K*| <= e K*;
                           NNGP: n |Sigma_L(r_min) - c| <= e (1 - c)
        majority, B' = 1   max(n 2^s, delta_min^-s)/(s kappa) <= e L
        kriging,  B' < 1   n B'^L <= e (NNGP), n/L <= e (NTK)
    """
    size, dimension = whole(n, "n"), real(d, "d")
    e = real(tolerance, "tolerance")
    if not dimension > 0:
        raise ValueError(f"d must be > 0, not {d!r}.")
    if not 0 < e < 1:
        raise ValueError(f"tolerance must be between 0 and 1, not {tolerance!r}.")
    tangent_kind(kernel)
    dual_ = dual(activation)
    closest = max(min(size ** (-2 / dimension), 1.0), 1e-140)
    near = max(min(size ** (-1 / dimension), 1.0), 1e-70)
    if dual_.order == 0:
        return _majority_depth(dual_, size, closest, e, kernel)
    if dual_.order == 1:
        return _singular_depth(dual_, size, closest, near, e, kernel)
    r_2 = min(near * 2 ** (1 / dimension), 1.3)
    margin = bottcher(dual_, r_2) - bottcher(dual_, min(near, r_2 * 2 ** (-1 / dimension)))
    layers = math.log((math.log(2 * size) + 20) / margin) / math.log(dual_.order)
    return DepthNeeded(max(1, math.ceil(layers)), "the two nearest points are told apart")


# --- regimes ------------------------------------------------------------------------------------


def _majority(d: Dual) -> Regime:
    case = chaos_case(d)
    if d.chaos == 0:
        raise ValueError(f"{d.name} is constant: its kernel does not depend on the inputs.")
    if case == ">":
        c, mu, tangent = fixed_point(d)
        words = (
            f"majority vote: off the diagonal Sigma -> {c:.6g}, K -> {tangent:.6g} (mu={mu:.4g})."
        )
    elif case == "=":
        words = f"majority vote: K_L/(L + 1) -> {critical_ratio(d):.6g} off the diagonal."
    else:
        words = (
            "majority vote with a ridge only: without one the limit interpolates "
            f"the labels by kriging with constant drift; K -> {1 / (1 - d.chaos):.6g} everywhere."
        )
    return Regime("majority", None, case, words)


def _doubt(d: Dual) -> str | None:
    """What a nonzero A or A' below `UNCERTAIN` would do, and from which depth on."""
    power = d.order or next((k for k, c in enumerate(d.series) if c and k), 1)
    doubts = []
    if 0 < abs(d.mean) < UNCERTAIN:
        size = math.log(1 / d.mean**2)  # of log Sigma when the constant A^2 takes over
        slope = d.series[1] if power == 1 else 0.0
        depth = size / math.log(1 / slope) if slope else math.log(size) / math.log(power)
        doubts.append(("A = E phi", d.mean, "a majority vote", depth))
    if d.order >= 2 and 0 < abs(d.slope) < UNCERTAIN:
        depth = math.log(math.log(1 / d.slope**2)) / math.log(power)
        doubts.append(("A' = E phi'", d.slope, "a singular kernel", depth))
    words = [
        f"{name} = {value:.1e} of {d.name} is too near 0 to "
        + (
            f"tell, and taken as 0: if it is not 0, the limit is {limit}, but only beyond depth "
            f"about {max(1, math.ceil(depth))}."
            if d.order
            else f"trust: {limit} sets in only beyond depth about {max(1, math.ceil(depth))}, and "
            "never if it should be 0."
        )
        for name, value, limit, depth in doubts
    ]
    return " ".join(words) or None


# --- depths -------------------------------------------------------------------------------------


def _singular_depth(
    d: Dual, n: int, closest: float, near: float, e: float, kernel: str
) -> DepthNeeded:
    log_h, decay = koenigs(d, closest, log=True), -math.log(d.series[1])  # refuses linear duals
    if kernel == "nngp":
        layers = (math.log(n / e) + log_h) / decay
        return DepthNeeded(max(1, math.ceil(layers)), "the closest pair is uncorrelated")

    def coupled(depth: int) -> bool:
        top = ntk_diagonal(d, depth, log=True)
        return math.log(n / e) + float(ntk(d, closest, depth, log=True)) > top

    apart = _first(lambda depth: not coupled(depth))
    settled = math.ceil(ntk_offset(d, near) / koenigs(d, near) / e) - 1
    if settled > apart:
        return DepthNeeded(settled, "the exponent alpha + 2 has given way to alpha")
    return DepthNeeded(apart, "the closest pair is uncorrelated")


def _majority_depth(d: Dual, n: int, closest: float, e: float, kernel: str) -> DepthNeeded:
    case = chaos_case(d)
    if case == "<":
        layers = n / e if kernel == "ntk" else math.log(n / e) / -math.log(d.chaos)
        return DepthNeeded(max(1, math.ceil(layers)), "kriging (a ridge makes it a vote)")
    if case == "=":
        delta = np.array([1e-12])
        s = 1.0 if d.smooth else 0.5
        kappa = float(d.form.slope_gap(delta)[0]) / ((1 + s) * delta[0] ** s)
        if not kappa > 0:
            raise ValueError(f"{d.name} is linear to rounding: no depth is enough.")
        scale = max(n * 2**s, (2 / closest**2) ** s)
        return DepthNeeded(
            math.ceil(scale / (s * kappa * e)), "all pairs share one kernel value to order 1/(n L)"
        )
    c = fixed_point(d)
    if kernel == "ntk":

        def voting(depth: int) -> bool:
            top, log = ntk_diagonal(d, depth, log=True), float(ntk(d, closest, depth, log=True))
            settled = n * abs(math.expm1(log - math.log(c.tangent))) <= e
            return settled and math.log(n / e) + log <= top

        return DepthNeeded(_first(voting), "the diagonal outgrows the vote, and all pairs agree")
    delta = np.array([closest**2 / 2])
    layers = 0
    while abs(1 - delta[0] - c.value) * n > e * (1 - c.value) and layers < 100_000:
        delta = d.form.gap(delta)
        layers += 1
    return DepthNeeded(max(1, layers), "the closest pair has the correlation of all others")


def _first(true_from: Callable[[int], bool]) -> int:
    """The first depth at which a monotone condition holds."""
    high = 1
    while not true_from(high):
        high *= 2
        if high > 1 << 18:
            raise ValueError("the depth needed is above 2^18: B' is too near 1.")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if true_from(middle) else (middle, high)
    return high
