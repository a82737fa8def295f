"""Proofs on demand: `python -m paper_checks certify NAME` and `recheck FILE`.

Exit codes of certify: 0 proved, 1 refuted by a point, 3 not decided within the boxes allowed; of
recheck: 0 accepted, 1 rejected; of both: 2 wrong usage or an unreadable file.
"""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from paper_checks.certificates import Attempt, attempt
from paper_checks.verdict import Verdict
from simulations.tables import paragraph

EXIT = {Verdict.PROVED: 0, Verdict.REFUTED: 1, Verdict.INCONCLUSIVE: 3}


def certify(
    name: str | None = None,
    /,
    *,
    domain: Annotated[list[str] | None, Parameter(negative=())] = None,
    parameter: Annotated[list[str] | None, Parameter(negative=())] = None,
    boxes: int = 200_000,
    precision: int = 128,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Prove a statement by interval arithmetic, or refute it by a point.

    Parameters
    ----------
    name:
        A statement; without one, all are listed with their domains.
    domain:
        Range of a variable as name=low,high; repeat it for others. The rest keep their own.
    parameter:
        Value of a constant of the statement as name=value.
    boxes:
        Give up after so many boxes.
    precision:
        Binary digits of the arithmetic.
    out:
        Write the certificate or counterexample to this file.
    json:
        Print one JSON object.
    """
    if name is None:
        _list()
        return 0
    if out is not None and not out.parent.is_dir():  # found out before the work is done
        raise ValueError(f"cannot write {out}: there is no folder {out.parent}.")
    ranges = {k: value.split(",") for k, value in _assigned("--domain", domain)}
    values = dict(_assigned("--parameter", parameter))
    tried = attempt(name, ranges, values, precision=precision, max_boxes=boxes)
    if out is not None and tried.checked is not None:
        from theory.rigor import save

        save(tried.found, out)  # type: ignore[arg-type]  # what was checked is no Undecided
    if json:
        print(json_format.dumps(_record(name, tried), allow_nan=False, indent=1))
    else:
        print(paragraph(f"{name}  {tried.verdict}  {tried} in {tried.seconds:.3g} s"))
        if hasattr(tried.found, "domain"):
            print(paragraph(f"On {_where(tried.found)}."))
        if tried.witness:
            print(paragraph(f"Not positive there: {tried.witness['value']}."))
        if tried.verdict is Verdict.PROVED and tried.checked:
            print(f"Rechecked independently on {tried.checked.cells} cells.")
    return EXIT[tried.verdict]


def recheck(file: Path, /) -> int:
    """Verify a certificate or a counterexample without the code that found it.

    Parameters
    ----------
    file:
        A file written by `certify --out` or by `run`.
    """
    from theory.rigor import Damaged, check, load

    try:
        found = load(file)
    except Damaged as error:
        print(f"rejected: {error}")
        return 1
    checked = check(found)
    if not checked.accepted:
        print(f"rejected: {checked.reason}")
        return 1
    print(paragraph(f"accepted: {found.statement}, {found}, {checked.cells} cells"))
    print(paragraph(f"On {_where(found)}."))
    return 0


def _list() -> None:
    from theory.rigor import statements

    for name, statement in statements().items():
        print(paragraph(f"{name}  {_ranges(statement.domain)}", "    ", first=""))
        if statement.parameters:
            print(paragraph(f"parameters: {_values(statement.parameters)}", "    "))
        print(paragraph(statement.text, "    "))


def _assigned(option: str, words: Sequence[str] | None) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in words or ()]
    for word, (name, _, value) in zip(words or (), pairs, strict=True):
        if not name or not value:
            example = "name=low,high" if option == "--domain" else "name=value"
            raise ValueError(f'{option} needs {example}; got "{word}".')
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError(f"{option} gives one name twice.")
    return [(name.strip(), value) for name, _, value in pairs]


def _record(name: str, tried: Attempt) -> dict[str, Any]:
    found, checked = tried.found, tried.checked
    record: dict[str, Any] = {
        "statement": name,
        "verdict": tried.verdict,
        "boxes": getattr(found, "boxes", 0),
        "cells": checked.cells if checked else 0,
        "seconds": tried.seconds,
    }
    keys = ("domain", "parameters", "precision", "point", "values", "where")
    record |= {key: getattr(found, key) for key in keys if hasattr(found, key)}
    return record | ({"reason": checked.reason} if checked and checked.reason else {})


def _where(found: Any) -> str:
    values = f"; {_values(found.parameters)}" if found.parameters else ""
    return f"{_ranges(found.domain)}{values}"


def _ranges(domain: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{name} in [{low}, {high}]" for name, (low, high) in domain.items())


def _values(parameters: Mapping[str, Any]) -> str:
    """The numbers among the parameters; lists are what the prover has filled in."""
    return ", ".join(f"{k} = {v}" for k, v in parameters.items() if isinstance(v, str))
