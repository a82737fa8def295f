"""The page as a browser shows it: nothing is loaded, nothing cut off, the filter filters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from paper_checks.core import Computed
from paper_checks.report import render
from paper_checks.running import run_claims
from paper_checks.trends import richardson
from tests.paper_checks import toy
from tests.paper_checks.chromium import NAMES, Browser, browser, executable

PROGRAM = executable()

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason=f"no browser on PATH; install one of {', '.join(NAMES)}"
)

SHOWN = "[...document.querySelectorAll('article')].filter((a) => a.offsetHeight).map((a) => a.id)"

CONTRAST = """(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255);
  const light = (colour) => channels(colour)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * c, 0);
  const paper = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return e.parentElement && colour === "rgba(0, 0, 0, 0)" ? paper(e.parentElement) : colour;
  };
  return Math.min(...[...document.querySelectorAll("p, a, b, th, td, span, code, dt, pre, output")]
    .filter((e) => e.offsetHeight)
    .map((e) => [light(getComputedStyle(e).color), light(paper(e))].sort((a, b) => b - a))
    .map(([high, low]) => (high + 0.05) / (low + 0.05)));
})()"""
"""The least contrast of any text with what is behind it, as WCAG defines it."""


LANDMARKS = ("header", "nav[aria-label]", "main", "form[role=search]", "footer", "a.skip")


LIMITS = tuple(
    replace(
        toy.EXACT.cases[0],
        label=f"from d = {d}",
        observe=Computed(partial(richardson, "d", d, [1 / 3 + 1 / d, 1 / 3 + 1 / (2 * d)])),
    )
    for d in (10, 20, 30, 40)
)
"""More than fit beside each other."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wrong = replace(toy.WRONG, corrected="toy/mean", provenance="recalled")
    changed = {"toy/wrong-mean": wrong, "toy/exact": replace(toy.EXACT, cases=LIMITS)}
    record = run_claims([changed.get(c.id, c) for c in toy.CLAIMS], "quick", 5)
    # A heading of a subject of ours has citations and notes.
    for claim in record["claims"]:
        claim["subject"] = "lipschitz" if claim["id"] == "toy/square" else claim["subject"]
    file = tmp_path_factory.mktemp("report") / "page.html"
    file.write_text(render(record), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with browser(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_page_opens_clean(
    chromium: Browser, page: Path, width: int, scheme: str, tmp_path: Path
) -> None:
    chromium.look(width, scheme)
    chromium.open(page)
    assert not chromium.seen("Log.entryAdded")
    assert not chromium.seen("Runtime.consoleAPICalled")
    assert not chromium.seen("Runtime.exceptionThrown")
    asked = [event["request"]["url"] for event in chromium.seen("Network.requestWillBeSent")]
    assert asked == [page.as_uri()]
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value(CONTRAST) >= 4.5
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))  # keeps them where a reader can look
    chromium.screenshot(folder / f"report-{scheme}-{width}.png")
    assert (folder / f"report-{scheme}-{width}.png").stat().st_size > 10_000


def test_every_card_has_a_picture_in_words(chromium: Browser, page: Path) -> None:
    chromium.look(1400, "light")
    chromium.open(page)
    assert len(chromium.value(SHOWN)) == len(toy.CLAIMS)
    words = chromium.value(
        "[...document.querySelectorAll('article')].map((a) => "
        "[...a.querySelectorAll('svg[role=img]')].map((s) => s.getAttribute('aria-label')))"
    )
    assert all(card and all(len(text) > 10 for text in card) for card in words)
    unnamed = "svg:not([role=img][aria-label]):not([aria-hidden=true])"
    assert chromium.value(f"document.querySelectorAll('{unnamed}').length") == 0
    assert chromium.value(
        "[...document.querySelectorAll('math')].every((m) => m.getBoundingClientRect().width > 2)"
    )
    landmarks = [
        chromium.value(f"document.querySelectorAll('{tag}').length > 0") for tag in LANDMARKS
    ]
    assert all(landmarks)


@pytest.mark.parametrize("width", [1400, 400])
def test_extrapolations_are_drawn_in_their_card(chromium: Browser, page: Path, width: int) -> None:
    chromium.look(width, "light")
    chromium.open(page)
    inside = (
        "(() => { const card = document.getElementById('toy-exact').getBoundingClientRect();"
        " return [...document.querySelectorAll('#toy-exact .trend > svg text')]"
        ".map((t) => t.getBoundingClientRect()).filter((t) => t.width)"
        ".every((t) => t.left >= card.left && t.right <= card.right); })()"
    )
    pictures = "[...document.querySelectorAll('.trend > svg')]"
    shown = f"{pictures}.filter((s) => s.checkVisibility()).length"
    assert chromium.value(shown) == 1
    chromium.value("document.querySelector('#toy-exact summary').click()")
    assert chromium.value(shown) == len(LIMITS)
    assert chromium.value(inside)


def choose(chromium: Browser, field: str, value: str) -> list[str]:
    """Fill a field of the filter as a reader would; the cards that remain."""
    attribute = "checked" if value in ("true", "false") else "value"
    written = value if attribute == "checked" else repr(value)
    chromium.value(
        f"(() => {{ const field = document.forms.filter.elements.{field}; "
        f"field.{attribute} = {written}; "
        "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    return list(chromium.value(SHOWN))


def test_filter(chromium: Browser, page: Path) -> None:
    chromium.look(1400, "light")
    chromium.open(page)
    assert choose(chromium, "text", "No Cross") == ["toy-square"]
    assert chromium.value("document.querySelector('output').value") == "1 of 7 claims"
    assert chromium.value("document.querySelectorAll('section.subject:not([hidden])').length") == 1
    assert choose(chromium, "text", "nothing says this") == []
    assert len(choose(chromium, "text", "")) == len(toy.CLAIMS)
    assert choose(chromium, "verdict", "REFUTED") == ["toy-wrong-mean"]
    assert choose(chromium, "provenance", "derived") == []
    assert choose(chromium, "verdict", "PROVED") == ["toy-square"]
    assert choose(chromium, "finding", "true") == []
    assert choose(chromium, "verdict", "") == []
    assert choose(chromium, "provenance", "") == ["toy-wrong-mean"]


def test_link_to_a_hidden_card_shows_it(chromium: Browser, page: Path) -> None:
    chromium.look(1400, "light")
    chromium.open(page)
    choose(chromium, "text", "no cross")
    chromium.value("document.querySelector('a[href=\"#toy-bound\"]').click()")
    chromium.value("new Promise((done) => setTimeout(done, 100))")
    assert "toy-bound" in chromium.value(SHOWN)


def test_page_reads_without_scripts(chromium: Browser, page: Path) -> None:
    chromium.look(400, "light", scripts=False)
    chromium.open(page)
    assert len(chromium.value(SHOWN)) == len(toy.CLAIMS)
    assert chromium.value("document.forms.filter.hidden")


def test_no_script_but_the_filter_runs(chromium: Browser, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = page.with_name("broken.html")
    alien = "<script>document.title = 'run'</script>"
    broken.write_text(text.replace("<footer>", f"{alien}<footer>"), encoding="utf-8")
    chromium.look(1400, "light")
    chromium.open(broken)
    assert chromium.value("document.title") == "deepverdict: verdicts"
    assert chromium.seen("Log.entryAdded")  # the browser says what it refused
    assert not chromium.value("document.forms.filter.hidden")
