"""Build hook: formulas become native MathML, so that the pages need no script and no network."""

import html
import re
from typing import Any

from paper_checks.report.formulas import mathml

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Replace the formulas that the arithmatex extension has marked."""
    return FORMULA.sub(_mathml, content)


def _mathml(match: re.Match[str]) -> str:
    latex = html.unescape(match[2]).strip()
    if match[1] == "span":
        return mathml(latex)
    # Of its own width, and scrolled where the screen is narrower: by the keyboard as well.
    return f'<div class="formula" tabindex="0">{mathml(latex, "block")}</div>'
