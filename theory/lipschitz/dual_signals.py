r"""Points of the dual of a relaxation, for small networks: see `theory.lipschitz.dual_balls`.

    V = W Z,    e_i = m_i v_i + h_i |v_i| s_i,    Z <- H Z + G e,    |s_i| = 1

A forward and a backward sweep are exact maximisations over X and over each s, as in
`theory.lipschitz.ascent`, but for every relaxation and without rotating the weights.  In groups an
activation is a sum of parts, the images of orthogonal projectors with rational entries: a part
passes, or has one norm and one direction.

    relaxation "exact"        slopes; GroupSort, Householder: the best multipliers of all (NSR-full)
               "diagonal"     what passes a group is only known not to grow (S = P = 0, NSR-diag)
               "lipschitz"    units and groups are only known not to grow by more than |slope|
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from theory._checks import whole
from theory.lipschitz.network import Network, Stage, log2_scale, product
from theory.lipschitz.reductions import scaled_by

Vector = np.ndarray[Any, np.dtype[np.float64]]
RELAXATIONS = ("exact", "diagonal", "lipschitz")
_PATIENCE = 30  # sweeps without a gain after which the ascent ends


class Signals(NamedTuple):
    """A point of the dual: any numbers; only their directions count."""

    inputs: Vector
    """X, (inputs, r)."""
    directions: tuple[tuple[Vector, ...], ...]
    """Per stage and part of its activation, s as (units, r); () for a linear stage."""


@dataclass(frozen=True)
class Part:
    """A projector on groups of units, exact, and a factor for each unit (equal in a group)."""

    kernel: tuple[tuple[Fraction, ...], ...]
    gains: tuple[Fraction, ...]

    def of(self, v: Vector) -> Vector:
        """The part of v (units, r) without the factor, in floats."""
        g = len(self.kernel)
        if g == 1:  # 1, or 0 where a group of one unit has no deviation
            return np.asarray(self._float_kernel[0, 0] * v)
        return np.asarray(self._float_kernel @ v.reshape(-1, g, v.shape[1])).reshape(v.shape)

    def lengths(self, part: Vector) -> Vector:
        """The norm of the group of every unit, (units, 1)."""
        g = len(self.kernel)
        squares = np.square(part).sum(axis=1).reshape(-1, g).sum(axis=1)
        return np.repeat(np.sqrt(squares), g)[:, None]

    @cached_property
    def _float_kernel(self) -> Vector:
        return np.array(self.kernel, dtype=float)

    @cached_property
    def factors(self) -> Vector:
        """The gains as floats, (units, 1)."""
        return np.array(self.gains, dtype=float)[:, None]


@dataclass(frozen=True)
class Form:
    """e = linear v + sum over parts of |part v| s."""

    linear: Part
    parts: tuple[Part, ...]


def forms_of(network: Network, norm: str, relaxation: str) -> list[Form | None]:
    """What the relaxation knows of every stage, None for a linear one; ValueError for bad names."""
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")
    if relaxation not in RELAXATIONS:
        raise ValueError(f"relaxation must be one of {', '.join(RELAXATIONS)}; not {relaxation!r}.")
    if network.is_implicit:
        raise ValueError("the dual in balls is for networks without loops.")
    return [None if s.activation is None else _form(s, relaxation) for s in network.stages]


def _form(stage: Stage, relaxation: str) -> Form:
    kind, units = stage.activation, stage.units
    assert kind is not None
    g = kind.group_size
    eye = [[Fraction(int(i == j)) for j in range(g)] for i in range(g)]
    one, zero = (Fraction(1),) * units, (Fraction(0),) * units
    if kind.kind == "slopes":
        assert stage.lower is not None
        assert stage.upper is not None
        low, high = (tuple(map(Fraction, s.tolist())) for s in (stage.lower, stage.upper))
        if relaxation == "lipschitz":
            high = tuple(max(abs(a), abs(b)) for a, b in zip(low, high, strict=True))
            low = tuple(-b for b in high)
        middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
        half = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
        return Form(_part(eye, middle), (_part(eye, half),))
    if relaxation == "lipschitz":
        return Form(_part(eye, zero), (_part(eye, one),))
    if kind.kind == "group_sort":
        kept = [[Fraction(1, g)] * g for _ in range(g)]
    else:
        u = [Fraction(x) for x in kind.direction]
        square = sum(x * x for x in u)
        kept = [[eye[i][j] - u[i] * u[j] / square for j in range(g)] for i in range(g)]
    bent = [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(eye, kept, strict=True)]
    if relaxation == "exact":
        return Form(_part(kept, one), (_part(bent, one),))
    return Form(_part(eye, zero), (_part(bent, one), _part(kept, one)))


def _part(kernel: Sequence[Sequence[Fraction]], gains: tuple[Fraction, ...]) -> Part:
    return Part(tuple(map(tuple, kernel)), gains)


# --- ascent ------------------------------------------------------------------------------------


def ascended(
    network: Network,
    norm: str = "l2",
    relaxation: str = "exact",
    *,
    rank: int = 12,
    iterations: int = 600,
    seed: int = 0,
    momentum: bool = True,
) -> Signals:
    """Signals of a large value: sweeps as in `theory.lipschitz.ascent`, for every relaxation.

    A forward and a backward sweep, both exact maximisations, with Nesterov's momentum.  For small
    networks: nothing is pruned or split.
    """
    forms = forms_of(network, norm, relaxation)
    network = _balanced(network)
    rng = np.random.default_rng(seed)
    rank = whole(rank, "rank")
    here = _normalised(
        Signals(
            rng.standard_normal((network.inputs, rank)),
            tuple(
                tuple(rng.standard_normal((s.units, rank)) for _ in (f.parts if f else ()))
                for s, f in zip(network.stages, forms, strict=True)
            ),
        ),
        forms,
        norm,
    )
    plain, theta = here, 1.0
    values = [-math.inf]
    for _ in range(iterations):
        value, after = sweep(network, forms, here, norm)
        if value < values[-1] - 1e-13 and theta > 1:
            here, theta = plain, 1.0
            value, after = sweep(network, forms, here, norm)
        values.append(max(value, values[-1]))
        if len(values) > _PATIENCE and values[-1] - values[-1 - _PATIENCE] < 1e-14:
            break
        grown = (1 + math.sqrt(1 + 4 * theta * theta)) / 2
        pace = (theta - 1) / grown if momentum else 0.0
        here = _normalised(_beyond(after, plain, pace), forms, norm)
        plain, theta = after, grown
    return plain


def sweep(
    network: Network, forms: Sequence[Form | None], signals: Signals, norm: str
) -> tuple[float, Signals]:
    """Logarithm of the value at `signals`, and the signals after one sweep there and back."""
    z, level, trace = signals.inputs, 0.0, []
    for stage, form, given in zip(network.stages, forms, signals.directions, strict=True):
        after: Any = 0.0 if stage.skip is None else _dot(stage.skip, z)
        v = None
        if form is not None:
            v = _dot(stage.inner, z)
            e = form.linear.factors * form.linear.of(v)
            for part, s in zip(form.parts, given, strict=True):
                e = e + part.factors * part.lengths(part.of(v)) * s
            after = after + (e if stage.outer is None else _dot(stage.outer, e))
        z, level = _levelled(after, level)
        trace.append(v)
    if norm == "l2":
        value, a = level + _log(float(np.linalg.norm(z))), z
    else:
        lengths = np.linalg.norm(z, axis=1, keepdims=True)
        value, a = level + _log(float(lengths.sum())), _unit(z, lengths, z)
    found: list[tuple[Vector, ...]] = []
    for stage, form, given, v in reversed(
        list(zip(network.stages, forms, signals.directions, trace, strict=True))
    ):
        back: Any = 0.0 if stage.skip is None else _dot(_transposed(stage.skip), a)
        if form is not None:
            assert v is not None
            own = a if stage.outer is None else _dot(_transposed(stage.outer), a)
            directions, b = _reflected(form, v, own, given)
            found.append(directions)
            back = back + _dot(_transposed(stage.inner), b)
        else:
            found.append(())
        a = back / (np.abs(back).max() or 1.0)
    return value, _normalised(Signals(a, tuple(reversed(found))), forms, norm)


def _reflected(
    form: Form, v: Vector, a: Vector, given: Sequence[Vector]
) -> tuple[tuple[Vector, ...], Vector]:
    """The best directions for the adjoint a, and the adjoint of v then."""
    b = form.linear.factors * form.linear.of(a)
    directions = []
    for part, old in zip(form.parts, given, strict=True):
        own, pulled = part.of(a), part.of(v)
        length = part.lengths(own)
        directions.append(_unit(own, length, old))
        b = b + part.factors * length * _unit(pulled, part.lengths(pulled), old)
    return tuple(directions), b


def _unit(rows: Vector, lengths: Vector, old: Vector) -> Vector:
    """Unit directions; the old ones where there is no direction."""
    none = lengths <= 1e-150
    return np.asarray(np.where(none, old, rows / np.where(none, 1.0, lengths)))


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _balanced(network: Network) -> Network:
    """The network with gains near 1, so that squares stay in range; its best signals are the same.

    H and W of a stage are multiplied by one power of two.
    """
    stages = []
    for stage in network.stages:
        parts = [m for m in (stage.skip, stage.inner) if m is not None]
        power = -max(map(log2_scale, parts))
        skip, inner = (
            None if m is None else scaled_by(m, power) for m in (stage.skip, stage.inner)
        )
        stages.append(replace(stage, skip=skip, inner=inner))
    return Network.of_stages(stages)


def _transposed(matrix: Any) -> Any:
    return matrix.T


def _dot(matrix: Any, z: Vector) -> Vector:
    return product(matrix, z.T).T


def _levelled(z: Vector, level: float) -> tuple[Vector, float]:
    size = float(np.linalg.norm(z)) or 1.0
    return z / size, level + math.log(size)


def _beyond(after: Signals, before: Signals, pace: float) -> Signals:
    def on(x: Vector, old: Vector) -> Vector:
        return x + pace * (x - old)

    pairs = zip(after.directions, before.directions, strict=True)
    directions = tuple(tuple(map(on, new, old)) for new, old in pairs)
    return Signals(on(after.inputs, before.inputs), directions)


def _normalised(signals: Signals, forms: Sequence[Form | None], norm: str) -> Signals:
    x = signals.inputs
    lengths = np.linalg.norm(x, axis=1, keepdims=True) if norm == "linf" else np.linalg.norm(x)
    directions = []
    for form, given in zip(forms, signals.directions, strict=True):
        own = [p.of(s) for p, s in zip(form.parts, given, strict=True)] if form else []
        parts = zip(form.parts, own, strict=True) if form else ()
        directions.append(tuple(_unit(s, part.lengths(s), s) for part, s in parts))
    # An input that does not matter has no adjoint; any unit vector is as good.
    whole_x = np.where(lengths > 0, x / np.where(lengths > 0, lengths, 1.0), x.shape[1] ** -0.5)
    return Signals(whole_x, tuple(directions))
