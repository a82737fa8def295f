r"""The global average f(x) = E Y |x - X|^-alpha, alpha < d, and the risk of its sign (claim C8).

What the vote tends to as n -> infinity when the kernel is less singular than r^-d: a weighted mean
of all labels, which does not depend on n and in general not on eta(x) alone.  X and Y are those of
a `DirichletPair`, d = 1 or 2; for larger d the integrals are not worth their time.

The simplex is seen from x as d + 1 cones over its facets, X = (1 - l) x + l z: every coordinate is
a sum of positive terms, the singularity is a power of l, and tanh-sinh nodes (kept as logarithms of
both distances to the ends) meet it, and the powers of the Dirichlet densities, at all scales.  The
risk needs the roots of f along lines, and incomplete beta functions between them.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from theory.ntk_classifiers.bayes import EPS, DirichletPair, log_beta
from theory.prediction import Prediction

Array = npt.NDArray[np.float64]
Logs = tuple[float, float]
"""log y and log(1 - y) of a position y in (0, 1)."""

ARC_POINTS, LINE_POINTS = 300, 32
"""Points at which the sign of f is taken, on the arc (d = 1) and on each line (d = 2)."""
LINE_STEP = 1 / 4
"""Step of the tanh-sinh rule over lines (d = 2)."""


def global_average(x: npt.ArrayLike, pair: DirichletPair, exponent: float) -> Array:
    """f(x) = E Y |x - X|^-exponent at points x inside the simplex or sphere; exponent < d <= 2.

    Relative to E |x - X|^-exponent the error is below 1e-12 for d = 1; for d = 2 below 1e-9, and
    1e-6 at 1e-6 from an edge with exponents near 2 (measured against finer nodes).
    """
    alpha = checked_exponent(exponent)
    if not alpha < pair.dimension <= 2:
        raise ValueError(
            f"global_average needs exponent < dimension <= 2, not exponent {alpha!r} "
            f"in dimension {pair.dimension}."
        )
    points = np.asarray(x, dtype=float)
    pair.log_odds(points)  # checks them
    if not (points > 0).all():
        raise ValueError("global_average needs points inside: every coordinate must be > 0.")
    logs = np.log(points / points.sum(axis=-1, keepdims=True)).reshape(-1, points.shape[-1])
    pieces = np.array([_average(log_t, pair, alpha, 1 / 16) for log_t in logs]).reshape(-1, 2)
    return np.asarray(pieces[:, 0] * np.exp(pieces[:, 1])).reshape(points.shape[:-1])


def boundary(pair: DirichletPair, exponent: float) -> Array:
    """Where f changes sign, d = 1 and 0 < exponent < 1: the first simplex coordinates, in order.

    Empty where one class is predicted everywhere.  The line is scanned at 300 points between the
    quantiles 1e-13 of both classes, with a closer look at every dip of |f|.
    """
    alpha = checked_exponent(exponent)
    if pair.dimension != 1 or not 0 < alpha < 1:
        raise ValueError(
            f"boundary needs d = 1 and 0 < exponent < 1, not d = {pair.dimension} and {alpha!r}."
        )
    return np.asarray(special.expit(_arc(pair, alpha).roots(ARC_POINTS, 1 / 8)[2]))


def average_risk(pair: DirichletPair, alpha: float) -> Prediction:
    """P(sign f(X) != Y) for 0 < alpha < d (the caller sees to it).  ValueError for d > 2.

    d = 1: error 1e-15.  d = 2: some 10 s, and 1e-6 to 1e-3 (the error says which).  A component of
    a decision region that is missed by a grid of 32 x 32 lines and points would be left out.
    """
    if pair.dimension == 1:
        return _risk_on_arc(pair, alpha)
    if pair.dimension == 2:
        return _risk_by_slices(pair, alpha)
    raise ValueError(
        f"the limit for exponent < dimension is computed for d = 1 and 2, not {pair.dimension}; "
        "take exponent >= d, or 0 for the majority vote."
    )


def checked_exponent(value: float) -> float:
    """The exponent as a float in [0, inf]; ValueError otherwise."""
    number = float(value)
    if not number >= 0:
        raise ValueError(f"exponent must be >= 0 (inf: one nearest neighbour), not {value!r}.")
    return number


def tanh_sinh(step: float, smallest: float = 1.0) -> tuple[Array, Array, Array]:
    """log y, log(1 - y), log weight of the tanh-sinh rule on (0, 1).

    For integrands like y^(smallest - 1) at the ends; what is cut off has weight e^-40.
    """
    count = math.ceil(math.asinh(40 / (math.pi * smallest)) / step)
    x = step * np.arange(-count, count + 1)
    logit = math.pi * np.sinh(x)
    low, high = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    return low, high, low + high + np.log(step * math.pi * np.cosh(x))


def _cones(log_t: Array, step: float, smallest: float) -> Iterator[tuple[int, Array, Array, Array]]:
    """The facets seen from the point t: (k, log z, log|z ^ t|, log weight) with z_k = 0.

    |z ^ t| is the area spanned.  An edge (d = 2) is cut at m = t_i/(t_i + t_j), the point of it
    that t is nearest to when t_k is small; on one side z_i = m y, and z_i t_j - z_j t_i =
    -t_i (1 - y) has no cancellation.
    """
    if log_t.size == 2:
        for k in (0, 1):
            log_z = np.where(np.arange(2) == k, -np.inf, 0.0)
            yield k, log_z[None], log_t[k : k + 1], np.zeros(1)
        return
    low, high, weight = tanh_sinh(step, smallest)
    for k, i, j in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        both = np.logaddexp(log_t[i], log_t[j])
        log_m = log_t[i] - both
        log_z = np.full((low.size, 3), -np.inf)
        log_z[:, i] = log_m + low
        log_z[:, j] = np.logaddexp(log_t[j] - both, log_m + high)
        length = np.logaddexp(2 * log_z[:, i], 2 * log_z[:, j])
        area = np.logaddexp(2 * log_t[k] + length, 2 * (log_t[i] + high)) / 2
        yield k, log_z, area, weight + log_m


def _average(log_t: Array, pair: DirichletPair, alpha: float, step: float) -> tuple[float, float]:
    """f at the simplex point t divided by E |x - X|^-alpha, and the logarithm of the latter.

    Over each cone, X = (1 - l) t + l z with dX = l^(d-1) t_k dl dz and
    |x - X|^2 = 2 sin^2/(1 + cos), sin = l |z ^ t| / (|t| |X|): no difference of near numbers.
    """
    d = pair.dimension
    smallest = min(1.0, d - alpha, *pair.alpha1, *pair.alpha2)
    low, high, weight = tanh_sinh(step, smallest)
    t = np.exp(log_t)
    log_norm = math.log(float(t @ t)) / 2
    logs: tuple[list[Array], list[Array]] = ([], [])
    classes = ((pair.alpha1, pair.prior), (pair.alpha2, 1 - pair.prior))
    for k, log_z, area, inner in _cones(log_t, step, smallest):
        log_x = np.logaddexp(high[:, None, None] + log_t, low[:, None, None] + log_z)
        x = np.exp(log_x)
        log_length = np.log(np.einsum("lmi,lmi->lm", x, x)) / 2
        cosine = x @ t * np.exp(-log_norm - log_length)
        log_sine = low[:, None] + area - log_norm - log_length
        log_distance = log_sine - np.log((1 + cosine) / 2) / 2
        measure = (weight + (d - 1) * low)[:, None] + inner + log_t[k] - alpha * log_distance
        for terms, (a, mass) in zip(logs, classes, strict=True):
            density = log_x @ (np.asarray(a) - 1) + math.log(mass) - float(log_beta(a))
            terms.append(measure + density)
    top = max(float(term.max()) for terms in logs for term in terms)
    positive, negative = (sum(float(np.exp(term - top).sum()) for term in terms) for terms in logs)
    total = positive + negative
    return (positive - negative) / total, top + math.log(total)


class _Line:
    """f along a line through the simplex, as a function of the logit of the position on it.

    Divided by E |x - X|^-alpha; `place` gives the logarithms of the simplex coordinates.
    """

    def __init__(self, pair: DirichletPair, alpha: float, place: Callable[[float], Array]) -> None:
        self.pair, self.alpha, self.place = pair, alpha, place
        self.reach = 30 / min(1.0, *pair.alpha1, *pair.alpha2)  # beyond: probability 1e-13

    def __call__(self, logit: float, step: float) -> float:
        return _average(self.place(logit), self.pair, self.alpha, step)[0]

    def scan(self, points: int, step: float) -> tuple[Array, Array]:
        """Positions and values of f: a grid, and the point nearest to a sign change in each dip."""
        grid = np.sinh(np.linspace(-1, 1, points) * math.asinh(self.reach))
        values = np.array([self(y, step) for y in grid])
        size, side = np.abs(values), values > 0
        left, middle, right = size[:-2], size[1:-1], size[2:]
        dips = (middle <= left) & (middle <= right) & (middle < 0.999 * np.maximum(left, right))
        dips &= (side[1:-1] == side[:-2]) & (side[1:-1] == side[2:])
        extra = []
        for n in np.flatnonzero(dips) + 1:
            sign = 1 if side[n] else -1
            found = optimize.minimize_scalar(
                lambda y, sign=sign: sign * self(y, step),
                bounds=(grid[n - 1], grid[n + 1]),
                method="bounded",
                options={"xatol": 1e-7},
            )
            extra.append((found.x, sign * found.fun))
        found_points = np.array(extra).reshape(-1, 2)
        grid, values = np.append(grid, found_points[:, 0]), np.append(values, found_points[:, 1])
        order = np.argsort(grid)
        return grid[order], values[order]

    def roots(self, points: int, step: float) -> tuple[bool, Array, Array]:
        """Whether f starts positive; its sign changes with nodes at `step`, and at `step`/2."""
        grid, values = self.scan(points, step)
        coarse, fine = [], []
        for n in np.flatnonzero((values[1:] > 0) != (values[:-1] > 0)):
            low, high = grid[n], grid[n + 1]
            root = optimize.brentq(self, low, high, args=(step,), xtol=1e-13)
            coarse.append(root)
            if (self(low, step / 2) > 0) != (self(high, step / 2) > 0):
                root = optimize.brentq(self, low, high, args=(step / 2,), xtol=1e-13)
            fine.append(root)
        return bool(values[0] > 0), np.array(coarse), np.array(fine)


def _arc(pair: DirichletPair, alpha: float) -> _Line:
    """The whole of the data for d = 1; the position is the first coordinate."""
    return _Line(pair, alpha, lambda y: np.array(_logs(y)))


def _missed(
    starts_positive: bool, roots: Array, betas: tuple[tuple[float, float], tuple[float, float]]
) -> Array:
    """P(f <= 0 | +1) and P(f > 0 | -1) on a line where positions are Beta(a, b) given the class."""
    missed = []
    for c, (a, b) in enumerate(betas):
        below = np.where(
            roots < 0,
            special.betainc(a, b, special.expit(roots)),
            special.betaincc(b, a, special.expit(-roots)),
        )
        pieces = np.diff(np.concatenate([[0.0], below, [1.0]]))
        missed.append(pieces[int(starts_positive) ^ c :: 2].sum())
    return np.array(missed)


def _risk_on_arc(pair: DirichletPair, alpha: float) -> Prediction:
    starts_positive, *roots = _arc(pair, alpha).roots(ARC_POINTS, 1 / 8)
    betas = (_two(pair.alpha1, (0, 1)), _two(pair.alpha2, (0, 1)))
    prior = np.array([pair.prior, 1 - pair.prior])
    coarse, fine = (float(_missed(starts_positive, found, betas) @ prior) for found in roots)
    return Prediction(fine, abs(fine - coarse) + 16 * EPS, "sign of the global average")


def _risk_by_slices(pair: DirichletPair, alpha: float) -> Prediction:
    """d = 2: u = t_i + t_j and w = t_i/u are independent Beta variables given the class.

    i and j are the coordinates that tell the classes apart best, so that a line of constant u
    tends to cross the boundary once.  Lines are at tanh-sinh nodes in u, between the u where the
    number of crossings changes.
    """
    j, k, i = (int(n) for n in np.argsort(np.subtract(pair.alpha1, pair.alpha2)))

    def place(u: Logs, w: Logs) -> Array:
        log_t = np.empty(3)
        log_t[[i, j, k]] = u[0] + w[0], u[0] + w[1], u[1]
        return log_t

    betas = (_two(pair.alpha1, (i, j)), _two(pair.alpha2, (i, j)))
    outer = [(a[i] + a[j], a[k]) for a in (pair.alpha1, pair.alpha2)]

    def line(u: Logs) -> _Line:
        return _Line(pair, alpha, lambda y: place(u, _logs(y)))

    totals = np.zeros(3)  # all lines; coarse roots; every other line
    for left, right in itertools.pairwise([-math.inf, *_cuts(line), math.inf]):
        log_u, log_rest, weight = _between(left, right, min(1.0, *outer[0], *outer[1]))
        masses = [
            mass * np.exp(weight + (a - 1) * log_u + (b - 1) * log_rest - special.betaln(a, b))
            for mass, (a, b) in zip((pair.prior, 1 - pair.prior), outer, strict=True)
        ]
        for n, mass in enumerate(np.stack(masses, axis=1)):
            if mass.sum() < 1e-12:
                continue
            starts_positive, *roots = line((log_u[n], log_rest[n])).roots(LINE_POINTS, 1 / 4)
            coarse, fine = (float(_missed(starts_positive, found, betas) @ mass) for found in roots)
            totals += fine, coarse, 2 * fine * (n % 2 == log_u.size // 2 % 2)
    error = np.abs(totals[1:] - totals[0]).sum() + 1e-10
    return Prediction(float(totals[0]), float(error), "sign of the global average, by lines")


def _cuts(line: Callable[[Logs], _Line]) -> list[float]:
    """Logits of the u where the boundary leaves through an edge, or touches the line."""

    def feature(u: float, which: int) -> float:
        _, values = line(_logs(u)).scan(LINE_POINTS, 1 / 4)
        return float((values[0], values[-1], values.max(), values.min())[which])

    reach = line((0.0, 0.0)).reach
    grid = np.sinh(np.linspace(-1, 1, LINE_POINTS) * math.asinh(reach))
    scans = [line(_logs(u)).scan(LINE_POINTS, 1 / 4)[1] for u in grid]
    cuts: list[float] = []
    for which in range(4):
        positive = np.array([(v[0], v[-1], v.max(), v.min())[which] for v in scans]) > 0
        for n in np.flatnonzero(positive[1:] != positive[:-1]):
            cut = optimize.brentq(feature, grid[n], grid[n + 1], args=(which,), xtol=1e-9)
            if all(abs(cut - other) > 1e-3 for other in cuts):
                cuts.append(cut)
    return sorted(cuts)


def _between(left: float, right: float, smallest: float) -> tuple[Array, Array, Array]:
    """log u, log(1 - u), log weight of the tanh-sinh rule for u between two logits."""
    low, high, weight = tanh_sinh(LINE_STEP, smallest)
    (a, a_rest), (b, b_rest) = _logs(left), _logs(right)
    length = b + a_rest + math.log1p(-math.exp(left - right))
    return (
        np.logaddexp(a + high, b + low),
        np.logaddexp(a_rest + high, b_rest + low),
        weight + length,
    )


def _logs(logit: float) -> Logs:
    """log y and log(1 - y) of the y with this logit."""
    return -float(np.logaddexp(0, -logit)), -float(np.logaddexp(0, logit))


def _two(alpha: tuple[float, ...], which: tuple[int, int]) -> tuple[float, float]:
    return alpha[which[0]], alpha[which[1]]
