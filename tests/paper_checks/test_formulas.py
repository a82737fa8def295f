"""Formulas as MathML: what a browser would space or break wrongly by itself."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

import pytest

from paper_checks.report.formulas import LONG, formulas, mathml


def test_minus_is_a_sign_where_no_number_is_before_it() -> None:
    signs = str(formulas("$[-1, -2]$ and $a = -1$ and $-3$")).count('form="prefix"')
    assert signs == 3  # the browser sees that the first of a formula is one
    assert 'form="prefix"' not in str(formulas("$a - 1$, $(a) - 1$, $[0] - 1$, $|a| - 1$"))


def test_punctuation_stays_with_its_formula() -> None:
    assert re.search(r'<span class="tight"><math.*</math>\)\.</span> &amp;', formulas("$a$). &"))
    assert "tight" not in formulas("$a$ and $b$")


def pieces(statement: str) -> list[str]:
    """The characters of each MathML element, one after the other."""
    found = re.findall("<math.*?</math>", formulas(statement))
    return [unescape("".join(re.findall("<m[ion][^>]*>([^<]*)<", piece))) for piece in found]


def test_line_breaks_before_the_relations_of_a_long_formula_only() -> None:
    assert len(pieces("$a = b$")) == 1
    inner = r"\mathrm{first} (x = 1) \le y^{k = 2} < \{ z > 3 \} \sim [w = 4]"
    assert len(inner) > LONG
    assert pieces(f"${inner}$") == ["first(x=1)", "≤yk=2", "<{z>3}", "∼[w=4]"]
    assert str(formulas(f"${inner}$")).count('<mo form="infix">') == 3


def test_pieces_are_whole_elements() -> None:
    long = r"\frac{a_{1} = b}{c} \to \left[ x = y \right] \approx \sqrt{z < 1} = 2, -3 \ge -\infty"
    for piece in re.findall("<math.*?</math>", formulas(f"${long}$")):
        ElementTree.fromstring(piece)


@pytest.mark.parametrize("latex", [r"X \sim Y", r"X\sim N(0, 1)"])
def test_distributed_as_is_a_relation(latex: str) -> None:
    assert "<mo>&#x0223C;</mo>" in mathml(latex)


@pytest.mark.parametrize(
    ("latex", "spaces"),
    [(r"\log n", 1), (r"\log x_1 + \sin y", 2), (r"\log(n)", 0), (r"\cosh^2 x", 0), ("x n", 0)],
)
def test_function_and_argument_stand_apart(latex: str, spaces: int) -> None:
    assert mathml(latex).count("<mspace") == spaces
    ElementTree.fromstring(mathml(latex))
