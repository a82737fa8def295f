"""What a proof leaves behind, and its file.

A certificate holds no argument: it lists, for each goal, boxes that tile the goal's root box and
on each of which the functions were found positive.  Anyone with the definition of the functions
can check that again, box by box.  A counterexample holds one point.

The file is one JSON object with a SHA-256 digest of the rest.  The digest reveals damage, not
forgery: only the checker makes a file a proof.  Box ends are dyadics m 2^e, kept exactly as
[m, e]; each end is written once per coordinate and named by its place in that list.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from theory.rigor.balls import Dyadic, fraction, odd

Box: TypeAlias = tuple[tuple[Dyadic, Dyadic], ...]
"""The two ends of each coordinate."""

FORMAT = "deepverdict certificate 1"
MAX_BYTES = 200_000_000
MAX_BITS = 20_000
"""Longest mantissa and largest exponent of an end."""
PRECISIONS = (32, 4096)


class Damaged(ValueError):
    """A file whose digest does not fit its content."""


@dataclass(frozen=True)
class Certificate:
    """A proof: `goals` maps each goal to the boxes that tile its root box.

    The root boxes are those of `domain` and `parameters`, rounded outwards to `precision` bits.
    """

    statement: str
    domain: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, Any]
    precision: int
    goals: Mapping[str, tuple[Box, ...]]

    @property
    def boxes(self) -> int:
        """How many boxes prove it."""
        return sum(map(len, self.goals.values()))

    def __str__(self) -> str:
        return f"proved with {_counted(self.boxes)}"


@dataclass(frozen=True)
class Counterexample:
    """A point of the domain where the statement is false, with the functions that fail there."""

    statement: str
    domain: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, Any]
    precision: int
    point: Mapping[str, str]
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"refuted at {', '.join(f'{name} = {value}' for name, value in self.point.items())}"


@dataclass(frozen=True)
class Undecided:
    """Neither proved nor refuted with this many boxes; `where` is the first box left over."""

    statement: str
    boxes: int
    where: str

    def __str__(self) -> str:
        return f"not decided within {_counted(self.boxes)}; left over: {self.where}"


def to_json(found: Certificate | Counterexample) -> str:
    """The text of the file, the same for the same content."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "verdict": "proved" if isinstance(found, Certificate) else "refuted",
        "statement": found.statement,
        "domain": found.domain,
        "parameters": found.parameters,
        "precision": found.precision,
    }
    if isinstance(found, Certificate):
        content["goals"] = {name: _packed(boxes) for name, boxes in found.goals.items()}
    else:
        content |= {"point": found.point, "values": found.values}
    return _text(content | {"digest": _digest(content)})


def from_json(text: str) -> Certificate | Counterexample:
    """Read a certificate or counterexample; ValueError for anything else, Damaged by its digest."""
    try:
        content = json.loads(
            text, object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "it is no JSON"
        raise ValueError(f"not a certificate: {reason[:100]}.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'not a certificate: there is no "format": "{FORMAT}".')
    digest = content.pop("digest", None)
    if digest != _digest(content):
        raise Damaged("its digest does not fit its content: the file is damaged or was edited.")
    return _read(content)


def save(found: Certificate | Counterexample, path: str | os.PathLike[str]) -> None:
    """Write the file in one step, so that it is never half-written."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(to_json(found), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ValueError(f"cannot write {path}: {error.strerror}.") from None


def load(path: str | os.PathLike[str]) -> Certificate | Counterexample:
    """Read a file written by `save`; ValueError, naming it, for any other."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path} is larger than {MAX_BYTES} bytes.")
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a certificate: it is no text.") from None
    except Damaged as error:
        raise Damaged(f"{path}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _packed(boxes: Sequence[Box]) -> dict[str, Any]:
    """Box ends once per coordinate in ascending order, and boxes as places in these lists."""
    columns = [{end for box in boxes for end in box[axis]} for axis in range(len(boxes[0]))]
    ends = [sorted(column, key=fraction) for column in columns]
    places = [{end: place for place, end in enumerate(column)} for column in ends]
    rows = [
        [at[end] for at, side in zip(places, box, strict=True) for end in side] for box in boxes
    ]
    return {"ends": ends, "boxes": rows}


def _unpacked(name: str, packed: Any) -> tuple[Box, ...]:
    _need(isinstance(packed, dict) and packed.keys() == {"ends", "boxes"}, f'goal "{name}"')
    columns = _list(name, packed["ends"])
    ends = [[_dyadic(name, end) for end in _list(name, column)] for column in columns]
    _need(bool(ends), f'goal "{name}"')
    return tuple(_box(name, ends, row) for row in _list(name, packed["boxes"]))


def _box(name: str, ends: Sequence[Sequence[Dyadic]], row: Any) -> Box:
    row = _list(name, row)
    good = len(row) == 2 * len(ends) and all(
        type(at) is int and 0 <= at < len(ends[i // 2]) for i, at in enumerate(row)
    )
    _need(good, f'a box of goal "{name}"')
    sides = zip(ends, row[::2], row[1::2], strict=True)
    return tuple((column[low], column[high]) for column, low, high in sides)


def _dyadic(name: str, end: Any) -> Dyadic:
    good = isinstance(end, list) and len(end) == 2 and all(type(part) is int for part in end)
    _need(good and end[0].bit_length() <= MAX_BITS >= abs(end[1]), f'an end of goal "{name}"')
    m, e = end
    _need(odd(m, e) == (m, e), f'an end of goal "{name}"')
    return m, e


def _read(content: dict[str, Any]) -> Certificate | Counterexample:
    proved = content.pop("verdict", None) == "proved"
    keys = {"goals"} if proved else {"point", "values"}
    keys |= {"format", "statement", "domain", "parameters", "precision"}
    _need(content.keys() == keys, "the set of keys")
    statement, precision = content["statement"], content["precision"]
    _need(isinstance(statement, str), "the statement's name")
    least, most = PRECISIONS
    _need(type(precision) is int and least <= precision <= most, "the precision")
    domain = {
        name: _texts(ends, f"the range of {name}") for name, ends in _pairs(content, "domain")
    }
    _need(all(len(ends) == 2 for ends in domain.values()), "a range")
    parameters = {name: _nested(value, name) for name, value in _pairs(content, "parameters")}
    head = (statement, domain, parameters, precision)
    if proved:
        goals = {name: _unpacked(name, packed) for name, packed in _pairs(content, "goals")}
        return Certificate(*head, goals)
    point = dict(_pairs(content, "point"))
    _texts(list(point.values()), "the point")
    return Counterexample(*head, point, _texts(content["values"], "the values"))


def _pairs(content: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    _need(isinstance(content[key], dict), f'"{key}"')
    return list(content[key].items())


def _list(name: str, value: Any) -> list[Any]:
    _need(isinstance(value, list), f'goal "{name}"')
    return list(value)


def _texts(value: Any, what: str) -> Any:
    _need(isinstance(value, list) and all(isinstance(v, str) for v in value), what)
    return tuple(value)


def _nested(value: Any, name: str) -> Any:
    _need(isinstance(value, str | list), f"parameter {name}")
    return value if isinstance(value, str) else tuple(_nested(v, name) for v in value)


def _need(good: bool, what: str) -> None:
    if not good:
        raise ValueError(f"not a certificate: {what[:100]} is malformed.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _refuse(number: str) -> None:
    raise ValueError(f"the number {number[:40]} is no integer")


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _counted(boxes: int) -> str:
    return f"{boxes} box{'es' * (boxes != 1)}"
