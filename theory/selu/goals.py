r"""What a proof on SELU has to show, reduced exactly from four variables to two.

The variables are mu, omega, nu, tau; the moments (mean, variance) of f(z) depend on y = mu omega
and x = nu tau alone, and their Jacobian with respect to (mu, nu) is J = M(y, x) diag(omega, tau).

The reduction loses nothing.  Fix (y, x), and let D = diag(omega, tau).

* |M D| is the norm of M restricted to the ellipse D(unit disc), which grows with |omega| and with
  tau.  The largest tau that is possible with nu tau = x is min(tau_max, x / nu_min); the largest
  |omega| is omega_max, reached at mu = y / omega, when the range of mu contains 0 (a range of mu
  away from 0 allows |omega| <= |y| / min |mu| only).  So the norm is below S on all of the domain
  exactly if |M(y, x) diag(omega_max, min(tau_max, x / nu_min))| < S on the box of (y, x).
* "The variance falls" at every point exactly if it is below the least nu of (y, x), which is
  max(nu_min, x / tau_max); "it rises" if it is above the largest, min(nu_max, x / tau_min).
* Bounds on the moments themselves need the box of (y, x) only.

(For ranges of mu and omega that are not symmetric the bound on |omega| may be larger than what a
given y allows: then the reduction is a sufficient condition, never a wrong one.)  On a box of the
search the minimum and the maximum of the two expressions may be replaced by either of them, since
both bound every feasible value; the better one at the centre is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

from flint import arb

from theory.rigor.balls import ball
from theory.rigor.statements import Domain, Goal, Interval, Parameters, Point
from theory.selu import balls
from theory.selu.balls import Jet, Moments, Selu

Root: TypeAlias = tuple[Interval, Interval]
Bound: TypeAlias = Callable[[Moments], "arb | Jet"]
Enclose: TypeAlias = Callable[[tuple[arb, ...]], Sequence[arb]]

TARGET = {"target_mean": "0", "target_variance": "1", "at_omega": "0", "at_tau": "1"}
SMALLEST, LARGEST = Fraction(1, 10**30), Fraction(10**9)
RELATIVE = (False, True)
"""x is a variance and may run over decades; y has both signs."""


def constants(parameters: Parameters) -> Selu:
    """The activation that the parameters ask for."""
    return balls.constants(*(parameters[name] for name in TARGET))


def product(first: Interval, second: Interval) -> Interval:
    """The range of a product, exactly."""
    ends = [a * b for a in first for b in second]
    return min(ends), max(ends)


def root(domain: Domain) -> Root:
    """The box of (y, x); ValueError unless nu >= 0 and tau > 0, within sensible sizes."""
    for name, ends in domain.items():
        for end in ends:
            if end and not SMALLEST <= abs(end) <= LARGEST:
                raise ValueError(
                    f"the range of {name} must have ends of size {float(SMALLEST):g} to "
                    f"{float(LARGEST):g}, or 0."
                )
    for name, least in (("nu", domain["nu"][0]), ("tau", domain["tau"][0])):
        if least < 0 or (name == "tau" and least == 0):
            raise ValueError(
                f"the range of {name} begins at {least}; {name} is a "
                f"{'variance' if name == 'nu' else 'sum of squares'} and must be positive."
            )
    return product(domain["mu"], domain["omega"]), product(domain["nu"], domain["tau"])


def lift(domain: Domain, most_nu: bool = False) -> Callable[[tuple[Fraction, ...]], Point | None]:
    """(y, x) as the point of the domain with the largest |omega| and the least (or largest) nu."""
    (mu_low, mu_high), (nu_low, nu_high) = domain["mu"], domain["nu"]
    (omega_low, omega_high), (tau_low, tau_high) = domain["omega"], domain["tau"]
    (y_low, y_high), (x_low, x_high) = root(domain)

    def point(at: tuple[Fraction, ...]) -> Point | None:
        y, x = min(max(at[0], y_low), y_high), min(max(at[1], x_low), x_high)
        nu = min(nu_high, x / tau_low) if most_nu else max(nu_low, x / tau_high)
        tau = x / nu if nu else tau_high
        choices = [omega_low, omega_high, *(y / mu for mu in (mu_low, mu_high) if mu)]
        for omega in sorted(choices, key=abs, reverse=True):
            mu = y / omega if omega else max(mu_low, min(mu_high, Fraction(0)))
            inside = mu_low <= mu <= mu_high and omega_low <= omega <= omega_high
            if inside and mu * omega == y:
                return {"mu": mu, "omega": omega, "nu": nu, "tau": tau}
        return None

    return point


def _bound(flat: Fraction, divisor: Fraction, larger: bool) -> Bound:
    """The constant or x / divisor, whichever is larger (smaller) at the centre of the box."""
    constant = ball(flat)
    if not divisor:
        return lambda m: constant
    factor, kink = 1 / ball(divisor), ball(flat * divisor).mid()

    def bound(m: Moments) -> arb | Jet:
        return m.coordinate() * factor if (m.x.mid() > kink) == larger else constant

    return bound


def least_nu(domain: Domain) -> Bound:
    """nu >= nu_min and nu >= x / tau_max."""
    return _bound(domain["nu"][0], domain["tau"][1], larger=True)


def most_nu(domain: Domain) -> Bound:
    """nu <= nu_max and nu <= x / tau_min."""
    return _bound(domain["nu"][1], domain["tau"][0], larger=False)


def most_tau(domain: Domain) -> Bound:
    """tau <= tau_max and tau <= x / nu_min."""
    return _bound(domain["tau"][1], domain["nu"][0], larger=False)


def most_omega(domain: Domain) -> Fraction:
    """A bound of |omega|, reached at every y if the ranges of mu and omega are symmetric."""
    y, _ = root(domain)
    omega = max(abs(end) for end in domain["omega"])
    low, high = domain["mu"]
    if low > 0 or high < 0:
        omega = min(omega, max(abs(end) for end in y) / min(abs(low), abs(high)))
    return omega


Map: TypeAlias = Callable[[Moments], Moments]


def _unchanged(m: Moments) -> Moments:
    return m


def image_goal(
    name: str,
    domain: Domain,
    selu: Selu,
    mean: Interval,
    variance: Interval,
    after: Map = _unchanged,
) -> Goal:
    """The image of the domain lies strictly inside the rectangle mean x variance."""
    (mean_low, mean_high), (low, high) = map(ball, mean), map(ball, variance)

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        m = after(balls.moments(box, selu))
        mu, nu = m.enclose(m.mean), m.enclose(m.variance)
        return mu - mean_low, mean_high - mu, nu - low, high - nu

    return Goal(name, root(domain), enclose, lift(domain), RELATIVE)


def contraction_goal(
    domain: Domain, selu: Selu, norm: Fraction, after: Map = _unchanged, name: str = "contraction"
) -> Goal:
    """The spectral norm of the Jacobian of (mu, nu) is below `norm` on the domain."""
    if norm <= 0:
        raise ValueError(f"norm must be > 0, not {norm}.")
    omega, tau, below, lifted = most_omega(domain), most_tau(domain), ball(norm), lift(domain)

    def gap(box: tuple[arb, ...], omega: Fraction) -> Sequence[arb]:
        m = after(balls.moments(box, selu, derivatives=True))
        return [m.enclose(jet) for jet in balls.norm_gap(m, ball(omega), tau(m), below)]

    def point(at: tuple[Fraction, ...]) -> Point | None:
        found = lifted(at)
        if found is None or abs(found["omega"]) == omega:
            return found
        here = ball(found["mu"] * found["omega"]), ball(found["nu"] * found["tau"])
        return found if any(value <= 0 for value in gap(here, found["omega"])) else None

    return Goal(name, root(domain), lambda box: gap(box, omega), point, RELATIVE)


def falling_goal(domain: Domain, selu: Selu, margin: Fraction) -> Goal:
    """The new variance is below nu - margin."""
    nu, shift = least_nu(domain), ball(margin)

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        m = balls.moments(box, selu)
        return (m.enclose(-m.variance + nu(m) - shift),)

    return Goal("variance falls", root(domain), enclose, lift(domain), RELATIVE)


def rising_goal(domain: Domain, selu: Selu, margin: Fraction) -> Goal:
    """The new variance is above nu + margin."""
    nu, shift = most_nu(domain), ball(margin)

    def enclose(box: tuple[arb, ...]) -> Sequence[arb]:
        if box[1] == 0:  # then z = y has no variance, and nu = 0
            return (-shift,)
        m = balls.moments(box, selu)
        return (m.enclose(m.variance - nu(m) - shift),)

    return Goal("variance rises", root(domain), enclose, lift(domain, most_nu=True), RELATIVE)


def dropped(selu: Selu, keep: arb, mean: arb, variance: arb) -> Map:
    """The moments after alpha dropout with the correction (a, b) made for (mean, variance).

    A unit is kept with probability q or set to s = -scale alpha; then a(.) + b.  With d = mu - s,
    mu' = a(q mu + (1 - q) s) + b and nu' = a^2 q((1 - q) d^2 + nu), a and b such that (mean,
    variance) is kept.  Hence dmu' = a q dmu and dnu' = a^2 q (dnu + 2(1 - q) d dmu).
    """
    drop, low = 1 - keep, -selu.scale * selu.alpha
    square = variance / (keep * (drop * (low - mean) * (low - mean) + variance))
    a = square.sqrt()
    b = mean - a * (keep * mean + drop * low)
    slope, factor = a * keep, square * keep

    def after(m: Moments) -> Moments:
        distance = m.mean - low
        new = Moments(
            m.y,
            m.x,
            m.mean * slope + (a * drop * low + b),
            (distance.square() * drop + m.variance) * factor,
        )
        if m.mean_y is None or m.mean_x is None or m.variance_y is None or m.variance_x is None:
            return new
        twice = distance * (2 * drop)
        return new._replace(
            mean_y=m.mean_y * slope,
            mean_x=m.mean_x * slope,
            variance_y=(m.variance_y + twice * m.mean_y) * factor,
            variance_x=(m.variance_x + twice * m.mean_x) * factor,
        )

    return after
