"""Formulas as native MathML: the page needs no script, no font from elsewhere and no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markupsafe import Markup

LONG = 40
"""Characters of LaTeX from which a line may break within a formula."""

_SIGN = re.compile(
    r"(<mo[^>]*>(?!\]|&#x00029;|&#x0007[CD];|!|&#x02032;)[^<]*</mo>)<mo>(?=&#x02212;)"
)
_FUNCTION = re.compile(  # as an argument of its own, not the base of a power
    r"(?<!<msup>)(?<!<msub>)(?<!<msubsup>)"
    r"(<mi>(?:arccos|arcsin|cos|cosh|exp|log|max|min|sin|sinh|sup|tanh)</mi>)"
    r"(?=<m(?:[in]|sub|sup|subsup|frac|sqrt|over)\b)"
)
_OPENING = ("&#x00028;", "[", "&#x0007B;")
_TOKEN = re.compile(
    r"<mo>(?P<relation>&#x0003[CDE];|&#x0226[45];|&#x02248;|&#x02192;|&#x0223C;|&#x0224[36];)</mo>"
    r"|<mo[^>]*>(?P<bracket>&#x00028;|&#x00029;|\[|\]|&#x0007B;|&#x0007D;)</mo>"
    r"|<mo[^>]*>[^<]*</mo>"
    r"|(?P<tag></?m[a-z]+[^>]*?(?P<closed>/?)>)"
)


def formulas(statement: str) -> Markup:
    """A text with formulas between $...$ as HTML with MathML; the rest is escaped.

    Before the relations of a long formula a line may break, as it may after a formula, but not
    before the punctuation that follows it.
    """
    from markupsafe import Markup, escape

    parts = statement.split("$")
    html = [escape(parts[0])]
    for formula, after in zip(parts[1::2], parts[2::2], strict=True):
        typeset = mathml(formula)
        if len(formula) > LONG:
            typeset = _breakable(typeset)
        end = len(after) - len(after.lstrip(").,;:"))
        start, sign, last = typeset.rpartition("<math")
        tight = Markup('{}<span class="tight">{}{}</span>') if end else Markup("{}{}{}")
        html += [tight.format(Markup(start), Markup(sign + last), after[:end]), escape(after[end:])]
    return Markup("").join(html)


def mathml(latex: str, display: Literal["inline", "block"] = "inline") -> str:
    """A LaTeX formula as a MathML element, with the spaces that mathematics has."""
    from latex2mathml.converter import convert

    # Inside \text, latex2mathml passes < and > on as they are.
    safe = latex.replace("<", r"\lt ").replace(">", r"\gt ")
    # A bar is an infix operator to MathML, with space around it; in a norm it has none.  \sim is
    # an identifier to latex2mathml; it is a relation.
    spaced = (
        convert(safe, display=display)
        .replace(
            '<mo stretchy="false">&#x0007C;', '<mo stretchy="false" lspace="0" rspace="0">&#x0007C;'
        )
        .replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")
    )
    spaced = _FUNCTION.sub(r'\1<mspace width="0.167em"/>', spaced)
    # After an opening bracket, a comma or a relation a minus is a sign, without space.
    return _SIGN.sub(r'\1<mo form="prefix">', spaced)


def _breakable(formula: str) -> str:
    """A formula cut before those of its relations that are in no bracket: browsers break none."""
    head, _, rest = formula.partition("<mrow>")
    row, end, tail = rest.rpartition("</mrow>")
    depth = 0

    def cut(match: re.Match[str]) -> str:
        nonlocal depth
        if match["tag"]:
            depth += 0 if match["closed"] else -1 if match["tag"][1] == "/" else 1
        elif match["bracket"]:
            depth += 1 if match["bracket"] in _OPENING else -1
        elif match["relation"] and not depth and match.start():
            return f'{end}{tail}{head}<mrow><mo form="infix">{match["relation"]}</mo>'
        return match[0]

    return f"{head}<mrow>{_TOKEN.sub(cut, row)}{end}{tail}"
