"""Certificate files, and the checker: what it must accept, and all that it must reject."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.rigor_toys import TOYS
from theory.rigor import (
    Certificate,
    Counterexample,
    Damaged,
    PlainGoal,
    Recheck,
    check,
    from_json,
    load,
    prove,
    save,
    statements,
    to_json,
)
from theory.rigor.balls import fraction, odd
from theory.rigor.certificate import Box
from theory.rigor.statements import SUBJECTS

BUMP, RECHECK = TOYS["bump"]


@pytest.fixture(scope="module")
def proof() -> Certificate:
    found = prove(BUMP, parameters={"margin": "0.53"})
    assert isinstance(found, Certificate)
    return found


@pytest.fixture(scope="module")
def counterexample() -> Counterexample:
    found = prove(BUMP, parameters={"margin": "0.5"})
    assert isinstance(found, Counterexample)
    return found


def rejection(found: Any, recheck: Recheck | None = RECHECK) -> str:
    checked = check(found, recheck)
    assert not checked.accepted
    return checked.reason


def with_boxes(proof: Certificate, change: Callable[[list[Box]], list[Box]]) -> Certificate:
    boxes = tuple(change(list(proof.goals["positive"])))
    # Through its text, so that the digest is that of the changed certificate.
    again = from_json(to_json(replace(proof, goals={"positive": boxes})))
    assert isinstance(again, Certificate)
    return again


def moved(box: Box, side: int, end: int, by: Fraction) -> Box:
    """The box with one end moved."""
    value = fraction(box[side][end]) + by
    pair = list(box[side])
    pair[end] = odd(value.numerator, 1 - value.denominator.bit_length())
    return (*box[:side], (pair[0], pair[1]), *box[side + 1 :])


def test_files_return_what_was_saved(
    proof: Certificate, counterexample: Counterexample, tmp_path: Path
) -> None:
    for found in (proof, counterexample):
        path = tmp_path / "c.json"
        save(found, path)
        assert load(path) == found
        assert check(path, RECHECK).accepted
        assert to_json(found) == path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]
    with pytest.raises(ValueError, match=r"^cannot write .*: No such file or directory\.$"):
        save(proof, tmp_path / "no" / "c.json")


def test_the_checker_works_at_another_precision(proof: Certificate) -> None:
    bits: list[int] = []

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        bits.append(ctx.prec)
        return [arb(1)]

    root = tuple((Fraction(low), Fraction(high)) for low, high in proof.domain.values())
    watched = replace(RECHECK, goals=lambda d, p: [PlainGoal("positive", root, plain)])
    for precision in (32, 64, 128):
        found = prove(BUMP, precision=precision)
        assert isinstance(found, Certificate)
        assert check(found, watched).accepted
        assert bits[-1] >= 64
        assert bits[-1] != precision


STEP = Fraction(1, 2**20)


@pytest.mark.parametrize("k", [0, 5, -1])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("by", [STEP, -STEP])
def test_every_moved_end_is_noticed(
    proof: Certificate, k: int, side: int, end: int, by: Fraction
) -> None:
    def change(boxes: list[Box]) -> list[Box]:
        boxes[k] = moved(boxes[k], side, end, by)
        return boxes

    reason = rejection(with_boxes(proof, change))
    assert reason.startswith("goal positive: ")
    assert any(word in reason for word in ("overlap", "leave a gap", "leaves the root"))


def test_boxes_removed_doubled_or_reversed_are_noticed(proof: Certificate) -> None:
    count = len(proof.goals["positive"])
    for k in range(count):
        assert "leave a gap" in rejection(with_boxes(proof, lambda b, k=k: b[:k] + b[k + 1 :]))
        assert "overlap" in rejection(with_boxes(proof, lambda b, k=k: [*b, b[k]]))
    flat = with_boxes(proof, lambda b: [moved(b[0], 0, 0, Fraction(9)), *b[1:]])
    assert "box 1 leaves the root box, or is empty" in rejection(flat)
    assert "has 1 sides, not 2" in rejection(
        replace(proof, goals={"positive": tuple(box[:1] for box in proof.goals["positive"])})
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"precision": 64}, "leave a gap"),
        ({"precision": 200}, "leaves the root box"),
        ({"domain": {"x": ("-0.1", "0.71"), "y": ("0.1", "1/3")}}, "leave a gap"),
        ({"domain": {"x": ("-0.1", "0.69"), "y": ("0.1", "1/3")}}, "leaves the root box"),
        ({"domain": {"x": ("-0.1", "0.7")}}, "its variables are not those of toy/bump"),
        ({"domain": {"x": ("0.7", "-0.1"), "y": ("0.1", "1/3")}}, "reversed"),
        ({"domain": {"x": ("1e9999", "1"), "y": ("0.1", "1/3")}}, "must be a number"),
        ({"parameters": {"margin": "0.51"}}, "is not verified"),
        ({"parameters": {"margin": ("1", "2")}}, "cannot be evaluated"),
        ({"parameters": {}}, "its parameters are not those of toy/bump"),
        ({"goals": {}}, "its goals are not those of toy/bump: positive"),
    ],
)
def test_certificates_that_prove_less_are_rejected(
    proof: Certificate, change: dict[str, Any], reason: str
) -> None:
    assert reason in rejection(replace(proof, **change))


def test_a_prover_with_wrong_enclosures_is_caught() -> None:
    """Balls shifted by 0.02 prove what is false; plain evaluation does not follow."""

    def goals(domain: Any, parameters: Any) -> Any:
        return [
            replace(goal, enclose=lambda b, goal=goal: [goal.enclose(b)[0] + arb("0.02")])
            for goal in BUMP.goals(domain, parameters)
        ]

    wrong = prove(replace(BUMP, goals=goals), parameters={"margin": "0.52"})
    assert isinstance(wrong, Certificate)
    assert "is not verified" in rejection(wrong)


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"x": "0.6", "y": "1/3"}, "not certainly violated"),
        ({"x": "0.71", "y": "1/3"}, r"outside the domain: x = 0.71"),
        ({"x": "0.7"}, "does not have the variables"),
        ({"x": "0.7", "y": "1/0"}, "y must be a number"),
    ],
)
def test_counterexamples_are_evaluated_again(
    counterexample: Counterexample, point: dict[str, str], reason: str
) -> None:
    assert check(counterexample, RECHECK).accepted
    assert reason in rejection(replace(counterexample, point=point))


def test_only_the_registry_is_looked_up(proof: Certificate, monkeypatch: Any) -> None:
    imported: list[str] = []
    monkeypatch.setattr("importlib.import_module", imported.append)
    for name in ("os/system", "toy/bump", "../selu", "", "x" * 10**5):
        reason = rejection(replace(proof, statement=name), None)
        assert reason.startswith("the checker knows no statement")
        assert len(reason) < 120
    assert imported == []


def edited(proof: Certificate, old: str, new: str) -> str:
    text = to_json(proof)
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"), [('"0.7"', '"0.8"'), ("128,", "129,"), ('"boxes":[[', '"boxes":[[1,1,1,1],[')]
)
def test_edits_are_damage(proof: Certificate, old: str, new: str, tmp_path: Path) -> None:
    text = edited(proof, old, new)
    with pytest.raises(Damaged, match="damaged or was edited"):
        from_json(text)
    (tmp_path / "c.json").write_text(text)
    assert "damaged or was edited" in rejection(tmp_path / "c.json")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_gets_past_the_digest(data: st.DataObject) -> None:
    text = to_json(prove(BUMP))  # type: ignore[arg-type]  # proved with 4 boxes
    at = data.draw(st.integers(0, len(text) - 1))
    bad = text[:at] + data.draw(st.text(max_size=2)) + text[at + 1 :]
    try:
        assert json.loads(bad) == json.loads(text)  # white space, or the same character
    except ValueError:
        pass
    except AssertionError:
        with pytest.raises(ValueError, match=r"not a certificate|digest"):
            from_json(bad)


def signed(**changes: Any) -> str:
    """The text of a small proof with some entries replaced, and a digest that fits."""
    import hashlib

    content = json.loads(to_json(prove(BUMP)))  # type: ignore[arg-type]  # proved
    del content["digest"]
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    canonical = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return json.dumps(content | {"digest": hashlib.sha256(canonical.encode()).hexdigest()})


def goal(ends: Any, boxes: Any) -> dict[str, Any]:
    return {"positive": {"ends": ends, "boxes": boxes}}


SQUARE = [[[0, 0], [1, 0]], [[0, 0], [1, 0]]]


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": 7},
        {"statement": None},
        {"extra": 1},
        {"precision": "128"},
        {"precision": True},
        {"precision": 10**9},
        {"domain": []},
        {"domain": {"x": ["0"]}},
        {"domain": {"x": [0, 1]}},
        {"parameters": {"margin": 0}},
        {"parameters": {"margin": {"a": "1"}}},
        {"verdict": "refuted"},
        {"goals": []},
        {"goals": {"positive": []}},
        {"goals": goal([], [])},
        {"goals": goal(7, [])},
        {"goals": goal([7], [])},
        {"goals": goal(SQUARE, 7)},
        {"goals": goal(SQUARE, [7])},
        {"goals": goal(SQUARE, [[0, 1, 0]])},
        {"goals": goal(SQUARE, [[0, 1, 0, 2]])},
        {"goals": goal(SQUARE, [[0, 1, 0, -1]])},
        {"goals": goal(SQUARE, [[0, 1, 0, "1"]])},
        {"goals": goal(SQUARE, [[0, 1, 0, True]])},
        {"goals": goal([[[2, 0]]], [])},
        {"goals": goal([[["1", 0]]], [])},
        {"goals": goal([[[1, 10**9]]], [])},
        {"goals": goal([[[3**20000, 0]]], [])},
        {"goals": goal([[[1]]], [])},
    ],
)
def test_malformed_content_gets_one_line(changes: dict[str, Any]) -> None:
    import sys

    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    text = signed(**changes)
    sys.set_int_max_str_digits(limit)
    with pytest.raises(ValueError, match=r"^not a certificate: .{1,120}\.$"):
        from_json(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "null", "[" * 100_000, '{"format":NaN}', '{"a":1.5}'),
        *('{"a":1,"a":1}', '{"format":"deepverdict certificate 2"}', "\ud800"),
        '{"a":' + "9" * 5000 + "}",
    ],
)
def test_other_texts_get_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a certificate: .{1,120}\.$"):
        from_json(text)


def test_unreadable_files_get_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_text("[]" * 100)
    monkeypatch.setattr("theory.rigor.certificate.MAX_BYTES", 100)
    for name in ("binary", "large", "absent", "."):
        with pytest.raises(ValueError, match=r"^[^\n]*(is no text|larger|cannot read)[^\n]*$"):
            load(tmp_path / name)


# ---- tilings ------------------------------------------------------------------------------------

Grid = tuple[tuple[int, int], ...]


def tiles(root: Grid, boxes: list[Grid]) -> bool:
    """What the checker says to integer boxes when every function is positive."""
    sides = tuple((Fraction(low), Fraction(high)) for low, high in root)
    names = tuple("abc"[: len(root)])
    goals = [PlainGoal("g", sides, lambda cell: [arb(1)])]
    recheck = Recheck(names, (), lambda d, p: goals, lambda point, p: [])
    dyadic = [tuple((odd(a, 0), odd(b, 0)) for a, b in box) for box in boxes]
    domain = {name: (str(low), str(high)) for name, (low, high) in zip(names, root, strict=True)}
    found = Certificate("toy/grid", domain, {}, 64, {"g": tuple(dyadic)})
    return check(found, recheck).accepted


def covered_once(root: Grid, boxes: list[Grid]) -> bool:
    """By counting unit cells."""
    cells = list(product(*(range(low, high) for low, high in root)))
    seen = [cell for box in boxes for cell in product(*(range(low, high) for low, high in box))]
    good = all(r[0] <= a < b <= r[1] for box in boxes for r, (a, b) in zip(root, box, strict=True))
    return good and sorted(seen) == sorted(cells)


SIDE = st.tuples(st.integers(-2, 3), st.integers(-2, 3))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3).flatmap(lambda d: st.lists(st.tuples(*[SIDE] * d), min_size=1, max_size=6))
)
def test_random_boxes_against_counting(boxes: list[Grid]) -> None:
    root: Grid = ((-1, 2),) * len(boxes[0])
    assert tiles(root, boxes) == covered_once(root, boxes)


def _cut(boxes: list[Grid], data: st.DataObject) -> Iterator[Grid]:
    """One of the boxes cut in two, where it can be."""
    k, axis = (
        data.draw(st.integers(0, len(boxes) - 1)),
        data.draw(st.integers(0, len(boxes[0]) - 1)),
    )
    for i, box in enumerate(boxes):
        low, high = box[axis]
        if i != k or high - low < 2:
            yield box
            continue
        cut = data.draw(st.integers(low + 1, high - 1))
        for side in ((low, cut), (cut, high)):
            yield (*box[:axis], side, *box[axis + 1 :])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_random_cuts_tile_and_changed_ones_do_not(data: st.DataObject) -> None:
    root: Grid = ((-4, 5),) * data.draw(st.integers(1, 3))
    boxes = [root]
    for _ in range(data.draw(st.integers(0, 8))):
        boxes = list(_cut(boxes, data))
    order = data.draw(st.permutations(boxes))
    assert tiles(root, order)
    k, axis, end = (data.draw(st.integers(0, n)) for n in (len(boxes) - 1, len(root) - 1, 1))
    side = list(order[k][axis])
    side[end] += data.draw(st.sampled_from((-1, 1)))
    order[k] = (*order[k][:axis], (side[0], side[1]), *order[k][axis + 1 :])
    assert not tiles(root, order)


def test_a_pinwheel_tiles_although_no_cut_makes_it() -> None:
    wheel: list[Grid] = [
        ((0, 2), (0, 1)), ((2, 3), (0, 2)), ((1, 3), (2, 3)), ((0, 1), (1, 3)), ((1, 2), (1, 2))
    ]  # fmt: skip
    assert tiles(((0, 3), (0, 3)), wheel)
    assert not tiles(((0, 3), (0, 3)), wheel[:4])


def test_every_statement_has_both_sides_with_the_same_words() -> None:
    import importlib

    for name, statement in statements().items():
        side = importlib.import_module(SUBJECTS[name.partition("/")[0]][1]).RECHECKS[name]
        assert set(side.variables) == set(statement.domain)
        assert name == statement.name
