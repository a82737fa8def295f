r"""Dual activations: what one infinitely wide layer does to the correlation of two inputs.

    D(x) = E phi(u) phi(v) = sum_k a_k^2 x^k,     (u, v) standard normal with correlation x,

phi = sum_k a_k h_k in orthonormal Hermite polynomials, ALWAYS divided by its root mean square, so
that D(1) = E phi^2 = 1.  Three numbers decide everything in the limit of depth:

    mean    A  = E phi = a_0,              D(0)  = A^2
    slope   A' = E phi' = a_1,             D'(0) = A'^2
    chaos   B' = E phi'^2 = sum k a_k^2 = D'(1)

The sign of a_k is lost in D: `mean` and `slope` carry it where phi is known, else they are >= 0.

A is known to about 1e-14 only, if phi is not odd.  Leading coefficients with |a_k| < `UNCERTAIN`
count as 0 in D, and `mean` and `slope` keep what was computed; `regime` warns.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory import gaussian
from theory._checks import real
from theory.activations import Activation, Elementwise, activation
from theory.ntk_classifiers._forms import LOW_DEGREE, Array, Form, Homogeneous, Series, angular

UNCERTAIN = 1e-12
_DEGREES = (60, 200, 800, 3200)
_NEGLIGIBLE = 1e-19
"""Share of k a_k^2 in B' below which the series ends: what is left out is below rounding."""


@dataclass(frozen=True, eq=False)
class Dual:
    """A dual activation with D(1) = 1; made by `dual`."""

    name: str
    form: Form
    series: tuple[float, ...]
    """a_k^2: all of them if they end or fall below rounding, else the first hundred."""
    mean: float
    """A = E phi."""
    slope: float
    """A' = E phi'."""
    chaos: float
    """B' = E phi'^2."""
    smooth: bool = True
    """D is twice differentiable at 1 (phi' does not jump)."""

    def __call__(self, xi: Any) -> Any:
        """D(xi) for correlations in [-1, 1]; a float for a float."""
        return _like(xi, self.form.value(inside(xi, -1.0, 1.0, "xi")))

    def derivative(self, xi: Any) -> Any:
        """D'(xi) = E phi'(u) phi'(v)."""
        return _like(xi, self.form.slope(inside(xi, -1.0, 1.0, "xi")))

    def gap(self, delta: Any) -> Any:
        """psi(delta) = 1 - D(1 - delta), to rounding relative to itself; delta in [0, 2]."""
        return _like(delta, self.form.gap(inside(delta, 0.0, 2.0, "delta")))

    def derivative_gap(self, delta: Any) -> Any:
        """B' - D'(1 - delta), to rounding relative to itself for named duals and series."""
        return _like(delta, self.form.slope_gap(inside(delta, 0.0, 2.0, "delta")))

    @property
    def order(self) -> int:
        """The lowest power in D: 0 majority, 1 singular, 2 or more nearest neighbour."""
        return next(k for k, c in enumerate(self.series) if c)

    @property
    def parity(self) -> int:
        """1 if D is even, -1 if it is odd, else 0."""
        powers = {k % 2 for k, c in enumerate(self.series) if c}
        return 0 if len(powers) == 2 else 1 - 2 * powers.pop()


Spec = str | Sequence[float] | Elementwise | Activation | Dual


def dual(spec: Spec) -> Dual:
    """The dual activation of a series, a name or a function, divided by E phi^2.

    A sequence holds the coefficients a_0^2, a_1^2, ... of D itself (>= 0; divided by their sum).
    "sine:a" is sin(sqrt(a) x), "optimal:d" the exponent-d cubic of `optimal_dual`; all other
    names and callables are those of `theory.activations`.  Relative accuracy of D and psi: a few
    roundings for series, sine, erf, hermite and piecewise linear phi; about 1e-14 for other
    analytic phi; 1e-11 (1e-9 where the derivative is by differences) for other kinked phi.
    ValueError for a phi that vanishes, jumps or is not resolved.
    """
    if isinstance(spec, Dual):
        return spec
    if isinstance(spec, str):
        family, colon, parameter = spec.partition(":")
        if family == "sine" and colon:
            return _sine(_parameter(spec, parameter), spec)
        if family == "optimal" and colon:
            from theory.ntk_classifiers.design import optimal_dual

            return optimal_dual(_parameter(spec, parameter))
    elif not callable(spec):
        return from_series(spec)
    return _of_activation(activation(spec))


def from_series(coefficients: Sequence[float], name: str | None = None) -> Dual:
    """The dual with these coefficients of x^0, x^1, ..., divided by their sum."""
    try:
        c = np.array(coefficients, dtype=float)
    except (TypeError, ValueError):
        c = np.zeros(0)
    if c.ndim != 1 or not c.size:
        raise ValueError(
            f"a dual must be a series of numbers, a name or a callable, not {coefficients!r}."
        )
    for k, value in enumerate(c):
        if not 0 <= value < math.inf:
            raise ValueError(f"coefficient {k} of the dual must be finite and >= 0, not {value}.")
    total = math.fsum(c)
    if not 0 < total < math.inf:
        raise ValueError(f"the coefficients of the dual must have a finite sum > 0, not {total}.")
    c = np.trim_zeros(c / total, "b")
    shown = ", ".join(f"{x:g}" for x in coefficients[:8]) + (
        ", ..." if len(coefficients) > 8 else ""
    )
    return _of_coefficients(name or f"[{shown}]", c)


def inside(values: Any, low: float, high: float, name: str) -> Array:
    """`values` as a float64 array within [low, high]; ValueError naming the first that is not."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, not {values!r}.") from None
    good = (array >= low) & (array <= high)
    if not good.all():
        place = np.unravel_index(int(np.argmin(good)), array.shape)
        where = f" at index {tuple(map(int, place))}" if array.ndim else ""
        raise ValueError(f"{name} must be between {low:g} and {high:g}, not {array[place]}{where}.")
    return array


def _like(argument: Any, values: Array) -> Any:
    return float(values) if np.ndim(argument) == 0 else values


def _parameter(spec: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"dual {spec!r}: {text!r} is not a number.") from None


def _of_coefficients(
    name: str, c: Array, mean: float | None = None, slope: float | None = None
) -> Dual:
    """The dual with these coefficients; A and A' as given, else the roots of the first two."""
    series = tuple(c.tolist())
    return Dual(
        name,
        Series(series),
        series,
        math.sqrt(series[0]) if mean is None else mean,
        (math.sqrt(series[1]) if len(series) > 1 else 0.0) if slope is None else slope,
        math.fsum(k * value for k, value in enumerate(series)),
    )


def _sine(a: float, name: str) -> Dual:
    """sinh(a x)/sinh(a), the dual of sin(sqrt(a) x)."""
    a = real(a, "the parameter of sine")
    if not 0 < a <= 300:
        raise ValueError(f"dual {name!r}: the parameter must be in (0, 300], not {a:g}.")
    terms, k = [a / math.sinh(a)], 1
    while k < a or terms[-1] > 1e-19:  # below it nothing is lost, in D, D' and psi alike
        terms.append(terms[-1] * (a / (k + 1)) * (a / (k + 2)))
        k += 2
    c = np.zeros(k + 1)
    c[1::2] = terms
    return _of_coefficients(name, c)


def _erf() -> Dual:
    """asin(2x/3)/asin(2/3) (Williams 1997), by the series of asin."""
    c = np.zeros(102)
    term = 2 / 3
    for k in range(1, 102, 2):
        c[k] = term / k
        term *= k / (k + 1) * 4 / 9
    return _of_coefficients("erf", c / math.asin(2 / 3))


@functools.lru_cache(maxsize=64)
def _of_activation(act: Activation) -> Dual:
    family, _, parameter = act.name.partition(":")
    named = act.name in ("erf", "sin") or (family == "hermite" and parameter)
    if named and act == activation(act.name):
        if family == "hermite":
            return from_series([0.0] * int(float(parameter)) + [1.0], act.name)
        return _erf() if family == "erf" else _sine(1.0, "sin")
    square = gaussian.moment(act, 2, 1.0)
    if not square > 0:
        raise ValueError(f"activation {act.name} vanishes: it has no dual activation.")
    if act.homogeneous:
        return _homogeneous(act, math.sqrt(square))
    return _by_quadrature(act, math.sqrt(square))


def _homogeneous(act: Activation, root: float) -> Dual:
    up, down = float(act(1.0)), float(act(-1.0))
    if up == -down:
        return from_series([0.0, 1.0], act.name)
    form = Homogeneous(2 * up * down / (up * up + down * down))
    series = form.coefficients(LOW_DEGREE)
    mean = (up + down) / math.sqrt(2 * math.pi) / root
    return Dual(act.name, form, series, mean, (up - down) / 2 / root, 1.0, smooth=False)


def _by_quadrature(act: Activation, root: float) -> Dual:
    """Hermite coefficients; if their squares do not fall below rounding, the angular form too."""
    for degree in _DEGREES:
        a = _without_parity(act, gaussian.hermite_coefficients(act, degree) / root)
        weights = np.arange(degree + 1) * a**2
        if weights[-degree // 5 :].max() <= _NEGLIGIBLE * weights.max():
            break
    else:
        return _kinked(act, a, root)
    c = _certain(a)[: int(np.flatnonzero(weights > _NEGLIGIBLE * weights.max())[-1]) + 1]
    return _of_coefficients(act.name, c / math.fsum(c), float(a[0]), float(a[1]))


def _kinked(act: Activation, a: Array, root: float) -> Dual:
    chaos = gaussian.derivative_moment(act, 2, 1.0) / root**2
    partial = float(np.arange(a.size) @ a**2)
    if partial > chaos * (1 + 1e-6):
        raise ValueError(
            f"activation {act.name} jumps: sum k a_k^2 is at least {partial:.6g}, but E phi'^2 is "
            f"{chaos:.6g}; only continuous activations have a finite B'."
        )
    low = tuple(_certain(a)[: LOW_DEGREE + 1].tolist())
    form = angular(act, low, root**2)
    steps = form.slope_gap(np.array([1e-8, 4e-8]))  # theta = 1.4e-4, twice as much
    kink = abs(steps[1] - 2 * steps[0]) < abs(steps[1] - 4 * steps[0])
    form = replace(form, power=1 if kink else 2)
    return Dual(act.name, form, low, float(a[0]), float(a[1]), chaos, smooth=not kink)


def _without_parity(act: Activation, a: Array) -> Array:
    """Exact zeros where phi is odd or even: quadrature cannot tell 1e-17 from 0."""
    x = np.linspace(0.03, 6.0, 67)
    with np.errstate(all="ignore"):
        right, left = np.asarray(act(x)), np.asarray(act(-x))
    a = a.copy()
    for sign, start in ((1, 0), (-1, 1)):
        if (np.abs(right + sign * left) <= 1e-15 * np.abs(right)).all():
            a[start::2] = 0.0
    return a


def _certain(a: Array) -> Array:
    """a^2, with 0 for the leading coefficients that cannot be told from 0."""
    c = np.asarray(a**2)
    first = int(np.argmax(np.abs(a) >= UNCERTAIN))
    c[:first] = 0.0
    return c
