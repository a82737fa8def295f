r"""Fixed points of the moment map at given (omega, tau) (claims C3, C13).

omega = 0: V(x) = x/tau, one equation in x = nu tau with one root inside the window of `window`.
omega != 0: the root that continues the one at omega = 0, by Newton's method in (mu, log nu) along
omega.  Without a root at omega = 0, and for other activations: the point to which iteration leads.
The map has others: (0, 0) always, and at large |omega| more than one with nu > 0.

`proved`: an interval Newton step of `theory.selu.existence` shows that a fixed point exists within
`error` of (mean, variance), and only one.  Not proved: `error` is an estimate, from the last Newton
step and the rounding of the map.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize

from theory import gaussian
from theory._checks import nonnegative, real
from theory.selu.blocks import ALPHA, SCALE, Array
from theory.selu.moments import (
    Moments,
    gaussian_moments,
    jacobian,
    moment_map,
    spectral_norm,
    spectral_radius,
)
from theory.selu.window import variance_ratio, window


class FixedPoint(NamedTuple):
    """(mean, variance) = moment_map(mean, variance, omega, tau)."""

    mean: float
    variance: float
    radius: float
    """Spectral radius of the Jacobian: the point attracts if it is below 1."""
    norm: float
    """Spectral norm S."""
    proved: bool
    error: float
    """|true - stated| for mean and for variance."""


def fixed_point(
    omega: float,
    tau: float,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
    start: tuple[float, float] | None = None,
    prove: bool = True,
) -> FixedPoint:
    """The fixed point at (omega, tau), or the one that Newton's method finds from `start`.

    `prove` = False leaves the interval proof out (a few milliseconds).  Raises ValueError, with the
    reason, where none is found.
    """
    search = _Search(real(omega, "omega"), nonnegative(tau, "tau"), scale, alpha, activation)
    if start is not None:
        found = search.newton((real(start[0], "start mean"), real(start[1], "start variance")))
        if found is None:
            raise ValueError(f"no fixed point found from start = {start}; start nearer to it.")
    else:
        found = search.default()
    table = search.jacobian(found)
    error = search.proof(found) if prove else None
    return FixedPoint(
        *found,
        float(spectral_radius(table)),
        float(spectral_norm(table)),
        error is not None,
        search.rounding(found, table) if error is None else error,
    )


Point = tuple[float, float]


class _Search(NamedTuple):
    omega: float
    tau: float
    scale: float
    alpha: float
    activation: gaussian.Spec | None

    def default(self) -> Point:
        if self.activation not in (None, "selu"):
            return self.iterated()
        ends = window(self.scale, self.alpha)
        inside = ends.lower < self.tau < ends.upper
        if not inside and self.omega == 0:
            fate = "dies out" if self.tau <= ends.lower else "explodes"
            raise ValueError(
                f"no fixed point at omega = 0, tau = {self.tau!r}: the variance {fate}; tau must "
                f"lie between {ends.lower:.13g} and {ends.upper:.13g}."
            )
        return self.continued() if inside else self.iterated()

    def symmetric(self) -> Point:
        """The one at omega = 0, with tau inside the window."""

        def excess(log_x: float) -> float:
            return self.tau * variance_ratio(math.exp(log_x), self.scale, self.alpha) - 1

        low, high = -60.0, 60.0
        if not excess(low) > 0 > excess(high):
            raise ValueError(f"tau = {self.tau!r} is too near to the end of the window.")
        x = math.exp(optimize.brentq(excess, low, high, xtol=1e-15, rtol=1e-15))
        mean = gaussian_moments(0.0, x, scale=self.scale, alpha=self.alpha).mean
        return mean, x / self.tau

    def continued(self) -> Point:
        point, reached, step = self.symmetric(), 0.0, self.omega
        while reached != self.omega:
            aim = self.omega if abs(step) >= abs(self.omega - reached) else reached + step
            trial = self._replace(omega=aim).newton(point)
            if trial is not None and _near(trial, point):
                point, reached, step = trial, aim, 2 * step
            else:
                step /= 2
            if abs(step) < 1e-6 * abs(self.omega):
                raise ValueError(
                    f"no fixed point found at omega = {self.omega!r}, tau = {self.tau!r}: the one "
                    f"of omega = 0 ends near omega = {reached:.5g}; give `start` to look elsewhere."
                )
        return point

    def iterated(self, steps: int = 2000) -> Point:
        """The limit of the map from (0, 1); Newton's method as soon as it finds an attractor."""
        point: Point = (0.0, 1.0)
        for step in range(1, steps + 1):
            try:
                point = self.map(point)
            except ValueError:
                break
            if step & (step - 1) == 0 and point[1] > 0:
                found = self.newton(point)
                if found is not None and spectral_radius(self.jacobian(found)) < 1:
                    return found
            if not 1e-30 < point[1] < 1e30:
                break
        fate = "does not settle" if 1e-9 < point[1] < 1e9 else f"goes to {point[1]:.3g}"
        raise ValueError(
            f"no fixed point found at omega = {self.omega!r}, tau = {self.tau!r}: "
            f"from (0, 1) the variance {fate}."
        )

    def newton(self, point: Point) -> Point | None:
        """Newton's method in (mu, log nu), quadratic at the end; None if it does not converge."""
        mean, variance = point
        for _ in range(40):
            try:
                following, table = self.map((mean, variance)), self.jacobian((mean, variance))
                gap = np.array([following.mean - mean, following.variance - variance])
                shift, stretch = np.linalg.solve(np.eye(2) - table, gap).tolist()
            except (ValueError, np.linalg.LinAlgError):
                return None
            size = max(abs(shift) / (math.sqrt(variance) + abs(mean)), abs(stretch) / variance)
            if not size < 1e6:
                return None
            mean += shift
            factor = math.expm1(max(-1.0, min(1.0, stretch / variance)))
            variance += stretch if abs(stretch) < 1e-3 * variance else variance * factor
            if size < 1e-11:
                return mean, variance
        return None

    def map(self, point: Point) -> Moments:
        where = (*point, self.omega, self.tau)
        return moment_map(*where, scale=self.scale, alpha=self.alpha, activation=self.activation)

    def jacobian(self, point: Point) -> Array:
        where = (*point, self.omega, self.tau)
        return jacobian(*where, scale=self.scale, alpha=self.alpha, activation=self.activation)

    def proof(self, point: Point) -> float | None:
        """Proved distance to the one fixed point near; None without a proof."""
        if self.activation not in (None, "selu") or point[1] == 0:
            return None
        from theory.selu.existence import enclose

        selu = (self.scale, self.alpha) == (SCALE, ALPHA)  # then the exact constants are meant
        unit = {} if selu else {"scale": self.scale, "alpha": self.alpha}
        found = enclose(self.omega, self.tau, *point, **unit)
        return None if found is None else found.error

    def rounding(self, point: Point, table: Array) -> float:
        """Estimate: what is left of the equation, and the rounding of the map, carried over."""
        following = self.map(point)
        left = max(abs(following.mean - point[0]), abs(following.variance - point[1]))
        rounding = 1e-15 * (abs(following.mean) + following.variance)
        with np.errstate(all="ignore"):
            determinant = float(np.linalg.det(np.eye(2) - table))
        gain = (
            float(np.abs(np.eye(2) - table).sum()) / abs(determinant) if determinant else math.inf
        )
        return float(gain * (left + rounding))


def _near(point: Point, other: Point) -> bool:
    deviation = math.sqrt(other[1])
    moved = abs(point[0] - other[0]) / (deviation + abs(other[0]))
    return moved < 0.5 and abs(math.log(point[1] / other[1])) < 0.5
