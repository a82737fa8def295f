"""What can be proved: statements of one side, and how the other side re-checks them.

A statement says that some functions are positive on a box of its variables.  The prover's side
(`Statement`) may reduce the dimension and enclose the functions as tightly as it can; the
checker's side (`Recheck`) evaluates the definition plainly.  The two live in different modules,
which share no formula; they agree on the names and root boxes of the goals alone.

A certificate names its statement, and only statements of the modules in `SUBJECTS` are looked up.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from flint import arb

from theory.rigor.balls import exact, written

Interval: TypeAlias = tuple[Fraction, Fraction]
Domain: TypeAlias = Mapping[str, Interval]
"""Range of each variable of a statement."""
Parameter: TypeAlias = "Fraction | tuple[Parameter, ...]"
Parameters: TypeAlias = Mapping[str, Any]
"""Values of a statement's constants: fractions, or nested tuples of them."""
Point: TypeAlias = Mapping[str, Fraction]

SUBJECTS = {"selu": ("theory.selu.statements", "theory.selu.recheck")}
"""For each subject the module with STATEMENTS and the module with RECHECKS."""

MAX_NESTING = 4


def _no_point(_: tuple[Fraction, ...]) -> None:
    return None


def _as_given(_: Domain, parameters: Parameters) -> Parameters:
    return parameters


@dataclass(frozen=True)
class Goal:
    """Functions that must all be positive on a box, with enclosures of them.

    `enclose` takes one ball for each coordinate and returns balls around the functions on all of
    that box.  `point` translates a point of the root box into the variables of the statement,
    where a function that is <= 0 there violates the statement, and into None elsewhere.
    `relative` marks the coordinates that are positive over several decades; they are bisected at
    the geometric mean (none, if it is empty).
    """

    name: str
    root: tuple[Interval, ...]
    enclose: Callable[[tuple[arb, ...]], Sequence[arb]]
    point: Callable[[tuple[Fraction, ...]], Point | None] = _no_point
    relative: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A statement on a domain: `goals(domain, parameters)` prove it together.

    `domain` and `parameters` hold the defaults as texts.  `prepare(domain, parameters)` returns
    the parameters with what has to be found before the proof, such as a chain of rectangles;
    the certificate records it.
    """

    name: str
    text: str
    domain: Mapping[str, tuple[str, str]]
    goals: Callable[[Domain, Parameters], Sequence[Goal]]
    parameters: Mapping[str, Any]
    prepare: Callable[[Domain, Parameters], Parameters] = _as_given


class PlainGoal(NamedTuple):
    """The checker's form of a goal: the definition, evaluated on balls as it stands."""

    name: str
    root: tuple[Interval, ...]
    plain: Callable[[tuple[arb, ...]], Sequence[arb]]


@dataclass(frozen=True)
class Recheck:
    """The checker's side of a statement.

    `violation(point, parameters)` gives balls around the functions of the statement at a point of
    its own variables, at least one of them certainly <= 0 where the statement is false.
    """

    variables: tuple[str, ...]
    parameters: tuple[str, ...]
    goals: Callable[[Domain, Parameters], Sequence[PlainGoal]]
    violation: Callable[[Point, Parameters], Sequence[arb]]


def statements() -> dict[str, Statement]:
    """All statements of the registry by name."""
    found: dict[str, Statement] = {}
    for module, _ in SUBJECTS.values():
        found |= importlib.import_module(module).STATEMENTS
    return found


def statement(name: str) -> Statement:
    """The statement of that name; ValueError with the nearest known one."""
    known = statements()
    if name not in known:
        raise ValueError(f'unknown statement "{name[:60]}"; {_hint(name, known)}')
    return known[name]


def recheck(name: str) -> Recheck:
    """The checker's side of a statement, found without importing the prover's."""
    modules = SUBJECTS.get(name.partition("/")[0])
    known = importlib.import_module(modules[1]).RECHECKS if modules else {}
    if name not in known:
        raise ValueError(f'the checker knows no statement "{name[:60]}".')
    found: Recheck = known[name]
    return found


def domain_of(defaults: Mapping[str, Sequence[object]], given: Mapping[str, Any]) -> Domain:
    """The defaults with the given ranges in their place; ValueError for a malformed one."""
    for name in given:
        if name not in defaults:
            raise ValueError(f'unknown variable "{name}"; {_hint(name, defaults)}')
    return {name: _interval(name, given.get(name, ends)) for name, ends in defaults.items()}


def parameters_of(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Parameters:
    """The defaults with the given values in their place; ValueError for a malformed one."""
    for name, value in given.items():
        if name not in defaults:
            raise ValueError(f'unknown parameter "{name}"; {_hint(name, defaults)}')
        if _is_list(value) != _is_list(defaults[name]):
            kind = "a list" if _is_list(defaults[name]) else "a number"
            raise ValueError(f"parameter {name} must be {kind}, not {str(value)[:40]}.")
    return {name: _value(name, given.get(name, default)) for name, default in defaults.items()}


def as_text(value: Parameter) -> Any:
    """Fractions as text, tuples as tuples of texts: the form a certificate keeps."""
    return tuple(as_text(v) for v in value) if isinstance(value, tuple) else written(value)


def _interval(name: str, ends: Any) -> Interval:
    if not _is_list(ends) or len(ends) != 2:
        raise ValueError(f'the range of {name} must be two ends such as ("-0.1", "0.1").')
    low, high = (exact(end, f"the range of {name}: each end") for end in ends)
    if low > high:
        raise ValueError(f"the range of {name} is reversed: {ends[0]} > {ends[1]}; swap its ends.")
    return low, high


def _value(name: str, value: Any, depth: int = 0) -> Parameter:
    if not _is_list(value):
        return exact(value, f"parameter {name}")
    if depth == MAX_NESTING:
        raise ValueError(f"parameter {name} is nested more than {MAX_NESTING} lists deep.")
    return tuple(_value(name, v, depth + 1) for v in value)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _hint(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(known)}." if known else "it has none."
