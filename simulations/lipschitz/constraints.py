r"""Quadratic constraints on the increments of an activation, at random pairs, right and wrong ones.

dv = v' - v, df = phi(v') - phi(v).  Units with slopes in [a, b], and groups with the projection (or
its multiple) E that passes, 11^T for GroupSort and I - u u^T for Householder, |u| = 1:

    2 lambda (df - a dv)(b dv - df)  >= 0
    dv^T (T - 2S) dv + 2 dv^T (P + S) df - df^T (T + 2P) df  >= 0,
        T = lambda I + gamma E,  S = nu E,  P = tau E,  lambda >= 0

The values are relative to (lambda + |gamma| + |nu| + |tau|)(|v|^2 + |v'|^2 + |phi|^2 + |phi'|^2),
which is what rounding errors are proportional to.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulations.accumulators import Block, Largest, Moments
from simulations.arrays import Array
from simulations.core import Estimate, Experiment, Report, Result, generator
from simulations.lipschitz import params as checks
from simulations.lipschitz.params import Params

if TYPE_CHECKING:
    import jax

    from theory.lipschitz.nonlinearity import Nonlinearity

BLOCK = 20_000
"""Pairs in a full block."""
VIOLATION = 1e-12
"""A relative value below minus this is no rounding error."""
MULTIPLIERS = ("lambda", "gamma", "nu", "tau")
MUTANTS = {
    "slopes": ("range", "sign", "coupled"),
    "group_sort": ("sign", "tau", "gamma", "coordinates"),
    "householder": ("sign", "tau", "gamma", "coordinates", "ungrouped"),
}
"""The mutants of each kind of activation."""


class Pairs(NamedTuple):
    """Pairs of pre-activations (pairs, units), and their multipliers (pairs, 4) with every lambda
    (pairs, units)."""

    v: Array
    other: Array
    multipliers: Array
    each: Array


@functools.lru_cache
def activation_of(p: Params) -> Nonlinearity:
    """The activation that the parameters name."""
    from theory.lipschitz.nonlinearity import nonlinearity

    return nonlinearity(p.activation or "relu", 2 if p.groups is None else p.groups)


def units(p: Params) -> int:
    """Pre-activations of a pair: those of one group, or two units that are coupled."""
    return 2 if p.mutant == "coupled" else activation_of(p).group_size


def draw_pairs(rng: np.random.Generator, p: Params, count: int) -> Pairs:
    """Random pairs, every second of them near each other."""
    shape = (count, units(p))
    v = p.scale * rng.standard_normal(shape)
    size = np.where(np.arange(count) % 2 == 0, 1.0, p.increment)
    other = v + p.scale * size[:, None] * rng.standard_normal(shape)
    m = rng.standard_normal((count, 4))
    m[:, 0] = np.abs(m[:, 0])
    if p.multipliers:
        m[:] = p.multipliers
    if p.mutant == "sign":
        m[:, 0] *= -1
    each = np.repeat(m[:, :1], shape[1], axis=1)
    if p.mutant == "coordinates":
        each = np.abs(rng.standard_normal(shape)) * m[:, :1]
    return Pairs(v, other, m, each)


def form(p: Params, pairs: Pairs) -> Array:
    """The relative value of the constraint, or of its mutant, for each pair."""
    phi = activation_of(p).apply
    before, after = phi(pairs.v), phi(pairs.other)
    dv, df = pairs.other - pairs.v, after - before
    value = (_of_slopes if activation_of(p).kind == "slopes" else _of_groups)(p, pairs, dv, df)
    grouped = activation_of(p).kind != "slopes"
    weight = np.abs(pairs.each).max(axis=1) + np.abs(pairs.multipliers[:, 1:]).sum(1) * grouped
    square = sum(np.sum(x * x, axis=1) for x in (pairs.v, pairs.other, before, after))
    return np.asarray(value / (weight * square))


def _of_slopes(p: Params, pairs: Pairs, dv: Array, df: Array) -> Array:
    kind = activation_of(p)
    low, high = kind.lower, kind.upper
    if p.mutant == "range":
        low, high = 0.9 * low, 0.9 * high
    if p.mutant == "coupled":
        dv, df = dv[:, :1] - dv[:, 1:], df[:, :1] - df[:, 1:]
    return np.asarray(2 * pairs.multipliers[:, 0] * ((df - low * dv) * (high * dv - df))[:, 0])


def _of_groups(p: Params, pairs: Pairs, dv: Array, df: Array) -> Array:
    passed = _passed(p)
    _, gamma, nu, tau = pairs.multipliers.T

    def along(x: Array, y: Array) -> Array:
        return np.asarray(np.einsum("kg,gh,kh->k", x, passed, y))

    own = np.einsum("kg,kg->k", pairs.each, dv * dv - df * df)
    first = (gamma - 2 * nu) * along(dv, dv)
    mixed = 2 * (tau + nu) * along(dv, df)
    last = -(gamma + 2 * tau) * along(df, df)
    if p.mutant == "tau":
        last = (-gamma + 2 * tau) * along(df, df)
    if p.mutant == "gamma":
        first = first + 0.1 * gamma * along(dv, dv)
    return np.asarray(own + first + mixed + last)


def _passed(p: Params) -> Array:
    kind = activation_of(p)
    size = kind.group_size
    if kind.kind == "group_sort" or p.mutant == "ungrouped":
        return np.ones((size, size))
    u = np.asarray(kind.direction) / np.linalg.norm(kind.direction)
    return np.eye(size) - np.outer(u, u)


def constraint_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of pairs."""
    pairs = draw_pairs(generator(key), p, count)
    value = form(p, pairs)
    found = np.hstack([pairs.v, pairs.other, pairs.each, pairs.multipliers[:, 1:]])
    kept: Any = {
        "form": Moments.of_numpy(np.stack([value, value < -VIOLATION]).astype(float)),
        "worst": Largest.of_numpy(-value, found),
    }
    return dict(kept)


def constraint_estimates(block: Block, p: Params) -> Result:
    """Named estimates; what was observed once has the error 0."""
    worst: Any = block["worst"]
    count = int(block["form"][0][0])

    def observed(value: Any) -> Estimate:
        return Estimate(float(value), 0.0, count)

    result: Result = {
        "least": observed(0.0 - worst.value),
        "violations": Estimate.of(block["form"], 1),
        "form": Estimate.of(block["form"], 0),
    }
    n = units(p)
    names = [f"{name}@{k}" for name in ("v", "other", "lambda") for k in range(1, n + 1)]
    at = dict(zip([*names, *MULTIPLIERS[1:]], map(float, worst.at), strict=True))
    if activation_of(p).kind == "slopes":
        at = {name: at[name] for name in names}
    return result | {name: observed(value) for name, value in at.items()}


def constraint_predictions(p: Params) -> dict[str, dict[str, Any]]:
    """Theory: the constraint holds, its mutants do not."""
    return {"violations": {"predicted": 0.0}} if p.mutant == "none" else {}


def constraint_report(p: Params, result: Result) -> Report:
    """The most negative pair, and whether it refutes the constraint."""
    numbers = {name: e.value for name, e in result.items() if isinstance(e, Estimate)}
    share, least = result["violations"], numbers["least"]
    assert isinstance(share, Estimate), "a share"
    kind, n = activation_of(p), units(p)
    count = round(share.value * share.samples)
    v, other = ([numbers[f"{name}@{k}"] for k in range(1, n + 1)] for name in ("v", "other"))
    each = [numbers[f"lambda@{k}"] for k in range(1, n + 1)]
    more = {name: numbers[name] for name in MULTIPLIERS[1:] if name in numbers}
    pair = {"v": v, "other": other, "lambda": each, **more}
    record = {
        "activation": kind.name,
        "constraint": p.mutant,
        "holds": count == 0,
        "violations": count,
        "least": least,
        "worst pair": pair,
    }
    rows = [["unit", "v", "v'", "phi(v)", "phi(v')", "lambda"]]
    for k, numbers_of in enumerate(
        zip(v, other, *(kind.apply(np.array([x]))[0] for x in (v, other)), each, strict=True), 1
    ):
        rows.append([str(k), *(f"{x:.6g}" for x in numbers_of)])
    said = ", ".join(f"{name} {value:.6g}" for name, value in more.items())
    if count:
        conclusion = (
            f"Refuted: {count} of {share.samples} pairs violate it; the worst one is above"
            f"{', with ' + said if said else ''}, its relative value {least:.6g}."
        )
    else:
        conclusion = (
            f"No violation among {share.samples} pairs; the worst is above, its relative value "
            f"{least:.2g}."
        )
    return Report(record, rows, conclusion)


def _check(p: Params) -> None:
    checks.check_constraint(p)
    kind = activation_of(p)
    known = MUTANTS[kind.kind]
    if p.mutant != "none" and p.mutant not in known:
        raise ValueError(
            f"--mutant {p.mutant} has no meaning for {kind.name}; there are {', '.join(known)}."
        )
    if p.groups is not None and kind.kind == "slopes":
        raise ValueError(f"--groups has no meaning for {kind.name}; leave it out.")
    if kind.kind == "slopes" and p.multipliers and any(p.multipliers[1:]):
        raise ValueError("gamma, nu and tau have no meaning for slopes; let them be 0.")


CONSTRAINT = Experiment(
    "lipschitz/constraint",
    Params,
    constraint_block,
    constraint_estimates,
    lambda p: BLOCK,
    code=lambda p: None,
    check=_check,
)
