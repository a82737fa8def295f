"""Limits with what they were read off: the type, the record, and the places in the picture."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from paper_checks.core import Case, Computed, Measured
from paper_checks.depth_limit.observe import network
from paper_checks.estimates import combine, slope
from paper_checks.observing import changed, weighted
from paper_checks.report import render
from paper_checks.report.trends import BOTTOM, INFINITY, LEFT, RIGHT, TOP, trend, trends
from paper_checks.rules import identity, mean_within
from paper_checks.running import run_claims
from paper_checks.trends import Extrapolated, bare, extrapolated, power_law, richardson
from simulations.core import Estimate, Result, run
from tests.paper_checks import toy
from theory.prediction import Prediction

FOUND = {10: Estimate(1.2, 0.02, 1000, 0.1), 20: Estimate(1.1, 0.03, 2000, -0.2)}


def computed(observe: Any, predicted: float = 1.0, tolerance: float = 0.01) -> Case:
    return Case(
        label="d",
        observe=Computed(observe),
        predict=lambda: predicted,
        rule=identity(tolerance),
        mutants={"half of it": lambda: predicted / 2},
    )


def case_record(*cases: Case, seed: int = 5) -> dict[str, Any]:
    (found,) = run_claims([toy.claim("limit", *cases)], "quick", seed)["claims"]
    return dict(found)


def test_richardson_is_the_combination_of_before() -> None:
    found = richardson("n", 10, list(FOUND.values()))
    assert found.limit == combine([-1, 2], list(FOUND.values()))
    assert found.points == ((10, 1.2, 0.02), (20, 1.1, 0.03))
    assert found.curve == ((10, 1.2),)
    plain = richardson("n", 10, [1.25, 1.125])
    assert isinstance(plain.limit, Prediction)
    assert plain.limit[:2] == (1.0, 0.0)


def test_power_law_is_the_slope_and_the_line_of_least_squares() -> None:
    sizes = (8, 16, 64)
    values = [Estimate(1.1, 1e-3, 500), Estimate(0.7, 2e-3, 500), Estimate(0.4, 1e-2, 500)]
    found = power_law("n", sizes, values)
    assert found.limit == slope(sizes, values)
    assert found.against == "log"
    assert [s for s, _ in found.curve] == [8, 64]
    logs = np.log([e.value for e in values])
    line = np.polyfit(np.log(sizes), logs, 1, w=[e.value / e.stderr for e in values])
    for s, fitted in found.curve:
        assert math.log(fitted) == pytest.approx(np.polyval(line, math.log(s)), rel=1e-12)


def test_fit_is_sampled_evenly_in_the_inverse_size() -> None:
    found = extrapolated(
        Prediction(2.0, 0.0, "fit"), "d", (4, 16), (2.25, 2.0625), lambda d: 2 + 1 / d, 0.5
    )
    steps = [s**-0.5 for s, _ in found.curve]
    assert steps[-1] == 0.5
    assert max(abs(b - a - steps[0]) for a, b in pairwise(steps)) < 1e-12
    assert all(v == 2 + 1 / s for s, v in found.curve)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": ((1.0, 2.0, 0.0), (2.0, math.nan, 0.0))}, "points must be finite"),
        ({"points": ((1.0, 2.0, 0.0), (math.inf, 2.0, 0.0))}, "points must be finite"),
        ({"points": ((0.0, 2.0, 0.0), (2.0, 1.0, 0.0))}, "sizes of an extrapolation must be > 0"),
        ({"points": ((1.0, 2.0), (2.0, 1.0))}, "points need 3 numbers each"),
        ({"points": ((1.0, 2.0, 0.0),)}, "two or more sizes, each once"),
        ({"points": ((1.0, 2.0, 0.0), (1.0, 3.0, 0.0))}, "two or more sizes, each once"),
        ({"points": ((1.0, 2.0, -1.0), (2.0, 1.0, 0.0))}, "errors of an extrapolation"),
        ({"points": ((1.0, 2.0, 0.0), (2.0, -1.0, 0.0)), "against": "log"}, "power law's values"),
        ({"curve": ((1.0, math.inf),)}, "curve must be finite"),
        ({"curve": ()}, "two or more sizes"),
        ({"against": 0.0}, "must be a power > 0"),
        ({"against": math.nan}, "must be a power > 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes: dict[str, Any], message: str) -> None:
    fields = {
        "limit": Prediction(1.0, 0.0, "fit"),
        "size": "d",
        "points": ((1.0, 2.0, 0.0), (2.0, 1.5, 0.0)),
        "curve": ((1.0, 2.0),),
    }
    Extrapolated(**fields)  # type: ignore[arg-type]  # a dictionary of fields
    with pytest.raises(ValueError, match=message):
        Extrapolated(**(fields | changes))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((1, 2, 3), "3 sizes for 2 values"), ((-1, 2), "must be > 0"), ((1, math.nan), "finite")],
)
def test_wrong_trend_in_a_claim_is_one_clear_line(sizes: Any, message: str) -> None:
    case = computed(lambda: extrapolated(Prediction(1.0, 0.0, "fit"), "d", sizes, (2.0, 1.5)))
    with pytest.raises(ValueError, match=rf'^toy/limit, case "d": [^\n]*{message}[^\n]*$'):
        run_claims([toy.claim("limit", case)], "quick", 5)


def test_rule_sees_the_limit_alone_and_the_record_keeps_the_rest() -> None:
    with_trend = case_record(computed(lambda: richardson("d", 100, [1.25, 1.125])))
    plain = case_record(computed(lambda: 1.0))
    (kept,), (bare_case,) = with_trend["cases"], plain["cases"]
    assert kept.pop("extrapolation") == {
        "size": "d",
        "against": 1.0,
        "points": [[100.0, 1.25, 0.0], [200.0, 1.125, 0.0]],
        "curve": [[100.0, 1.25]],
    }
    assert {k: v for k, v in kept.items() if k != "seconds"} == {
        k: v for k, v in bare_case.items() if k != "seconds"
    }


def test_measured_limit_survives_json() -> None:
    means = [toy.normal("x", toy.Params(mean)) for mean in (2.0, 1.5)]

    def reduce(results: list[Result]) -> Extrapolated:
        found = [m.reduce([r]) for m, r in zip(means, results, strict=True)]
        return richardson("L", 8, [e for e in found if isinstance(e, Estimate)])

    observe = Measured(tuple(s for m in means for s in m.samplings), reduce)
    case = toy.mean_case(1.0, observe=observe, rule=mean_within(0.2))
    record = case_record(case)
    (kept,) = record["cases"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    (_, narrow, _), (_, wide, _) = kept["extrapolation"]["points"]
    assert kept["estimate"] == pytest.approx(2 * wide - narrow, rel=1e-14)
    doubled = case_record(
        toy.mean_case(
            2.0, observe=changed(observe, lambda e: combine([2], [e])), rule=mean_within(1)
        )
    )
    assert doubled["cases"][0]["estimate"] == 2 * kept["estimate"]
    assert "extrapolation" not in doubled["cases"][0]
    assert bare(3.0) == 3.0
    assert weighted([1.0], [observe]).samplings == observe.samplings


@pytest.mark.parametrize("name", ["log_ratio_martingale", "active_count"])
def test_half_the_depth_has_the_law_of_a_network_of_that_depth(name: str) -> None:
    """False alarm below 1e-6: z = 5 in the value; a tenth is ten standard errors of the error."""
    both = network(f"{name}_limit", width=6, depth=16, quick=40_000, full=1)
    alone = network(name, width=6, depth=8, quick=40_000, full=1)
    jobs = [part.samplings[0].job("quick") for part in (both, alone)]
    coupled, single = run(jobs, 7)
    found, expected = both.reduce([coupled]), alone.reduce([single])
    assert isinstance(found, Extrapolated)
    assert isinstance(expected, Estimate)
    assert found.limit == coupled[f"{name}_limit"]
    (half, value, error), (whole, deep, _) = found.points
    assert (half, whole) == (8, 16)
    assert deep == coupled[name].value  # type: ignore[union-attr]  # a mean
    assert 2 * deep - value == pytest.approx(found.limit.value, abs=1e-8)
    assert abs(value - expected.value) < 5 * math.hypot(error, expected.stderr)
    assert error == pytest.approx(expected.stderr, rel=0.1)


# --- the picture ----------------------------------------------------------------------------------


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)h0", path)]


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_limit_is_drawn_over_the_inverse_size() -> None:
    record = case_record(computed(lambda: richardson("d", 100, [1.25, 1.125])))
    found = trend(record["cases"][0])
    assert found is not None
    (x100, y100), (x200, y200) = places(found.dots)
    ((x_end, y_end),) = places(found.limit)
    assert x_end == INFINITY
    # 1/200 is half of 1/100; 1, 1.125 and 1.25 are evenly spaced.
    assert x200 == pytest.approx((x100 + INFINITY) / 2, abs=0.1)
    assert y200 == pytest.approx((y100 + y_end) / 2, abs=0.1)
    assert TOP < y100 < y200 < y_end < BOTTOM
    assert LEFT < INFINITY < x100 < RIGHT
    assert corners(found.fit) == [(x_end, y_end), (x100, y100)]
    assert [label for _, label in found.across] == ["∞", "100", "200"]
    # The prediction is the limit here, and the mutant is half of it: let in, at 0.5.
    assert corners(found.prediction + " 0")[0][1] == y_end
    (mutant,) = found.marks
    ((_, top),) = corners(mutant.path)[:1]
    assert top + 4 == pytest.approx(y_end + (y_end - y100) * 2, abs=0.3)
    assert mutant.refuted
    for y, label in found.up:
        assert y == pytest.approx(y_end - (float(label) - 1) * (y_end - y100) / 0.25, abs=0.2)
    assert "1.25 at 100, 1.125 at 200 of d; limit 1" in found.words
    assert found.title == "d, on a scale of 1/d"


def test_what_is_far_off_is_an_arrow() -> None:
    case = computed(lambda: richardson("d", 100, [1.25, 1.125]))
    case = Case(
        **{
            **vars(case),
            "mutants": {"far": lambda: 100.0, "below": lambda: -100.0},
        }
    )
    found = trend(case_record(case)["cases"][0])
    assert found is not None
    assert [mark.path.count("l") for mark in found.marks] == [2, 2]
    assert corners(found.marks[0].path)[0][1] == TOP + 6
    assert corners(found.marks[1].path)[0][1] == BOTTOM - 6


def test_exponent_is_drawn_on_logarithms() -> None:
    values = [Estimate(s**-1.0, 1e-3 / s, 500) for s in (4, 8, 16)]
    kept = {
        "label": "rate",
        "interval": [-1.01, -0.99],
        "accepted": [-1.1, -0.9],
        "estimate": -1.0,
        "prediction": -1.0,
        "mutants": [{"name": "half", "prediction": -0.5, "verdict": "REFUTED"}],
        "extrapolation": power_law("L", (4, 8, 16), values).record(),
    }
    found = trend(kept)
    assert found is not None
    first, middle, last = places(found.dots)
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2), abs=0.1)
    assert corners(found.fit) == [first, last]
    assert found.prediction == found.fit
    (start, end) = corners(found.marks[0].path)
    assert end[1] - start[1] == pytest.approx((last[1] - first[1]) / 2, abs=0.2)
    assert start[1] + end[1] == pytest.approx(2 * middle[1], abs=0.2)
    fan = corners(found.band)
    assert fan[1][1] - fan[0][1] == pytest.approx(1.1 * (last[1] - first[1]), abs=0.2)
    assert fan[2][1] - fan[3][1] == pytest.approx(0.9 * (last[1] - first[1]), abs=0.2)
    assert [label for _, label in found.across] == ["16", "8", "4"]
    assert found.title == "L, both axes logarithmic"


def test_many_pictures_are_folded_away() -> None:
    def case(i: int) -> Case:
        off = 0.009 if i == 2 else 0.0
        changed = computed(lambda: richardson("d", 100, [1.25 - off, 1.125 - off]))
        return Case(**{**vars(changed), "label": f"case {i}"})

    few = case_record(*(case(i) for i in range(3)))
    assert [len(part) for part in trends(few)] == [3, 0]
    many = case_record(*(case(i) for i in range(5)))
    drawn = trends(many)
    assert [kept["label"] for kept, _ in drawn.shown] == [many["deciding"]] == ["case 2"]
    assert len(drawn.more) == 4
    page = render(run_claims([toy.claim("limit", *(case(i) for i in range(5)))], "quick", 5))
    assert page.count('<div class="trend supported">') == 5
    assert "4 more extrapolations" in page


def test_records_without_extrapolations_have_no_picture() -> None:
    assert trends(case_record(computed(lambda: 1.0))) == ([], [])
