"""The runs of one command: a single one, a survey of sizes, or a sweep over lists of values."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, TypeAlias, get_type_hints

import cyclopts
from cyclopts import CycloptsError

from simulations.core import Params, Twin

Label: TypeAlias = tuple[Any, ...]


class Plan(NamedTuple):
    """The runs of a command, in order."""

    over: tuple[str, ...]
    """The parameters that tell the runs apart; none for a single run."""
    labels: list[Label]
    """Their values in each run, as the user gave them."""
    params: list[Params]
    surveyed: bool
    """Whether the last of `over` is a survey's."""

    def surveys(self) -> list[list[int]]:
        """The runs that belong to one survey each, by their place."""
        groups: dict[Label, list[int]] = {}
        for i, label in enumerate(self.labels):
            groups.setdefault(label[:-1], []).append(i)
        return list(groups.values())


def plan(twin: Twin, params: Params, sweep: Sequence[str], words: Sequence[str]) -> Plan:
    """The runs that the options ask for; `words` are those of the command line.

    Raises ValueError for a sweep over something that is no parameter, over a value that the
    parameter cannot take, twice over the same, or over what an option fixes as well.
    """
    chosen = {w.split("=")[0].removeprefix("--").replace("-", "_") for w in words if w[:2] == "--"}
    lists = dict([_parsed(text, params) for text in sweep])
    if len(lists) < len(sweep):
        raise ValueError("--sweep: every parameter can be swept once.")
    for name in lists.keys() & chosen:
        raise ValueError(f"--{name} is swept; leave one of the two out.")
    over = twin.survey_over
    if over in lists and twin.survey_always:
        raise ValueError(f"--sweep {over}: it is surveyed here; leave it out.")
    surveyed = over is not None and over not in lists and (twin.survey_always or over not in chosen)
    labels: list[Label] = []
    runs = []
    for values in itertools.product(*lists.values()):
        combination = replace(params, **dict(zip(lists, values, strict=True)))
        for run in twin.survey(combination) if surveyed else [combination]:
            labels.append((*values, getattr(run, str(over))) if surveyed else values)
            runs.append(twin.prepare(run))
    names = (*lists, str(over)) if surveyed else tuple(lists)
    return Plan(names, labels, runs, surveyed)


def named(name: str, label: Label) -> str:
    """The name of an estimate of one run among several: `q_ab[25,100]`."""
    return f"{name}[{','.join(map(str, label))}]" if label else name


def _parsed(text: str, params: Params) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not values.strip(" ,"):
        raise ValueError(f'--sweep must be parameter=value,value,...; got "{text}".')
    kinds = get_type_hints(type(params), include_extras=True)
    known = [f.name for f in fields(params) if _is_option(kinds[f.name])]
    kinds = get_type_hints(type(params))
    if name not in known or not _is_plain(kinds[name]):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f' Did you mean "{near[0]}"?' if near and near[0] != name else ""
        raise ValueError(f'--sweep: "{name}" is not a parameter.{hint}')
    return name, [_converted(name, kinds[name], value.strip()) for value in values.split(",")]


def _is_option(kind: Any) -> bool:
    """Whether the command line offers this field at all."""
    notes = getattr(kind, "__metadata__", ())
    return not any(isinstance(n, cyclopts.Parameter) and n.parse is False for n in notes)


def _is_plain(kind: Any) -> bool:
    """Whether one word of the command line can be a value of this type."""
    return not str(kind).startswith(("tuple", "list"))


def _converted(name: str, kind: Any, value: str) -> Any:
    try:
        return _value(kind, value)
    except (CycloptsError, ValueError) as error:
        reason = str(error).splitlines()[-1]
        raise ValueError(f"--sweep {name}: {reason}") from None


def _value(kind: Any, text: str) -> Any:
    """The parser's conversion, but 2.5 is not rounded to an integer."""
    if kind not in (int, int | None):
        return cyclopts.convert(kind, [text])
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'"{text}" is not an integer.') from None


def convert(kind: Any, tokens: Sequence[Any]) -> Any:
    """The conversion of an option's words."""
    if kind in (int, int | None):
        return _value(kind, tokens[0].value)
    return cyclopts.convert(kind, tokens)
