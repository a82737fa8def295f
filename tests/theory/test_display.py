"""What results say of themselves: short, on the safe side, and with nothing that is not proved."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from simulations.core import Estimate, Law
from theory.display import at_least, at_most, table, with_error
from theory.lipschitz.bounds import bound
from theory.lipschitz.lower import lower_bound
from theory.lipschitz.margins import certified_radii, margins
from theory.lipschitz.network import Network
from theory.prediction import Prediction


def network(outputs: int = 3, units: int = 8) -> Network:
    rng = np.random.default_rng(0)
    return Network([rng.normal(size=(units, 4)), rng.normal(size=(outputs, units))], "relu")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.78431, 0.0123, "1.784 +- 0.012"),
        (0.5, 0, "0.5"),
        (0.5, 0.0, "0.5"),
        (123456.0, 12.0, "123456 +- 12"),
        (-9.405002927311, 7e-13, "-9.40500292731100 +- 7.0e-13"),
        (1.5e-7, 1e-9, "1.500e-07 +- 1.0e-09"),
        (0.0, 1e-3, "0.0000 +- 0.0010"),
        (1.0, 1e-30, "1.0 +- 1.0e-30"),
        (3e12, 1e10, "3.000e+12 +- 1.0e+10"),
        (3.0, math.inf, "3 +- inf"),
        (math.nan, 0.1, "nan +- 0.1"),
        ("x", None, "x +- None"),
        (Fraction(1, 2), 0.25, "0.50 +- 0.25"),
    ],
)
def test_a_value_has_as_many_places_as_its_error(value: object, error: object, text: str) -> None:
    assert with_error(value, error) == text


def test_a_table_is_escaped() -> None:
    page = table("a < b", [("<script>", 1), ("c", "&")], ("<", "d"))
    assert "<script>" not in page
    assert "a &lt; b" in page
    assert "&lt;script&gt;" in page
    assert "<td" in page
    assert "<thead" not in table("a", [("b", 1)])


@pytest.mark.parametrize("x", [1.0, 1 / 3, 2 / 3, 1e-300, 123456789.0, 1e300, 0.1])
def test_bounds_are_rounded_to_the_safe_side(x: float) -> None:
    assert Fraction(at_most(x)) >= Fraction(x)
    assert Fraction(at_least(x)) <= Fraction(x)
    assert float(at_most(x)) == pytest.approx(x, rel=1e-6)


def test_bounds_outside_of_floats() -> None:
    assert at_most(math.inf) == "inf"
    assert at_most(0.0) == "0"
    assert at_most(math.inf, 1000.0) == "1.970072e+434"  # e^1000 = 1.97007111...e434
    assert at_least(0.0) == "0"


def test_predictions_and_estimates() -> None:
    assert repr(Prediction(1.78731, 1e-4, "series")) == "Prediction(1.78731 +- 0.00010, series)"
    assert repr(Estimate(0.14907, 0.0003, 1000)) == "Estimate(0.14907 +- 0.00030, 1000 samples)"
    assert Estimate(0.14907, 0.0003, 1000) == (0.14907, 0.0003, 1000, 0.0)
    assert "series" in Prediction(1.0, 0.0, "series")._repr_html_()
    assert "1000" in Estimate(1.0, 0.1, 1000)._repr_html_()


def test_laws() -> None:
    law = Law(np.linspace(-3, 3, 31), np.arange(32))
    assert repr(law) == "Law(496 samples in 32 bins, edges from -3 to 3)"
    page = law._repr_html_()
    assert page.count("<tr>") == 12  # every third edge and the heading
    assert "0.000000" in page
    empty = Law(np.array([]), np.array([0]))
    assert repr(empty) == "Law(0 samples in 1 bins, edges)"
    assert "<table>" in empty._repr_html_()


def test_bounds_and_certificates() -> None:
    found = bound(network(), tolerance=1e-3)
    assert found.certificate is not None
    for shown in (repr(found), repr(found.certificate)):
        assert len(shown) < 150
        assert "\n" not in shown
        assert at_most(found.upper) in shown
    assert "certified by lipsdp, l2" in repr(found)
    assert "8 multipliers of 2 stages" in repr(found.certificate)
    page = found._repr_html_()
    assert "optimum of the relaxation, at least" in page
    assert len(page) < 2500
    assert "verify_certificate" in found.certificate._repr_html_()


def test_what_is_not_certified_is_called_so() -> None:
    found = bound(network(), tolerance=1e-3)
    refused = replace(found, certificate=None, upper=math.inf, log_upper=math.inf, note="too <bad>")
    assert "at most" not in repr(refused)
    assert "nothing certified; lipsdp believes" in repr(refused)
    page = refused._repr_html_()
    assert "estimate, not a bound" in page
    assert "too &lt;bad&gt;" in page
    assert "bracket" not in page


def test_margins_and_radii() -> None:
    net = network()
    found = margins(net)
    assert repr(found).startswith("Margins(3 labels, l2: 3 of 3 pairs certified, constants at most")
    assert found._repr_html_().count("<tr>") == 4
    one = margins(net, pairs=[(0, 1)])
    assert "1 of 3 pairs" in repr(one)
    assert "none" in one._repr_html_()
    radii = certified_radii(net, np.random.default_rng(1).normal(size=(25, 4)), found)
    assert repr(radii).startswith("Radii(25 inputs: certified radius median ")
    assert radii._repr_html_().count("<tr>") == 12
    assert repr(certified_radii(net, np.zeros((1, 4)), found)) == (
        "Radii(1 input: certified radius 0; 1 with an open label)"
    )
    assert repr(certified_radii(net, np.zeros((0, 4)), found)) == "Radii(no inputs)"


def test_a_large_matrix_of_margins_shows_its_corner() -> None:
    found = margins(network(12), pairs=[(0, 1), (10, 11)])
    page = found._repr_html_()
    assert page.count("<tr>") == 12
    assert page.count("...") == 12 + 10 + 1


def test_lower_bounds() -> None:
    found = lower_bound(network())
    assert repr(found) == f"LowerBound(at least {at_least(found.value)}, between two points)"
