"""The files of figures in every format, and the page that shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from figures import contact_sheet, core, lipschitz, style
from figures.__main__ import main
from figures.core import FORMATS, Drawing
from simulations.core import Result


def line(_: Sequence[Result]) -> Figure:
    figure = style.canvas(3, 2)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="a < b & c")
    ax.legend()
    return figure


FIGURES = (
    Drawing("first", "A line, a < b & c.  Left: more of it.", (), line),
    Drawing("second", 'Another, "quoted", with 1.5 units.', (), line),
)


class Elements(HTMLParser):
    """Tags with their attributes, and the text outside of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An own folder, and a subject of two figures beside a real one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "SUBJECTS", ("lipschitz",))
    monkeypatch.setattr(lipschitz, "FIGURES", FIGURES)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("svg", ["svg"]),
        ("png,svg", ["png", "svg"]),
        ("pdf, pdf", ["pdf"]),
        ("all", ["svg", "pdf", "png"]),
    ],
)
def test_formats_are_named_alone_together_or_all(text: str, kinds: list[str]) -> None:
    assert core.formats(text) == kinds


@pytest.mark.parametrize("text", ["", "gif", "svg,", "all,svg", "SVG"])
def test_other_formats_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f'--format must be .* got "{text}"'):
        core.formats(text)


def test_every_format_has_the_same_bytes_again_alone_or_with_others() -> None:
    assert main(["--format", "all", "--out", "a"]) == 0
    written = {path.name: path.read_bytes() for path in Path("a").iterdir()}
    expected = {f"{d.name}.{kind}" for d in FIGURES for kind in FORMATS} | {"index.html"}
    assert written.keys() == expected
    for kind in FORMATS:
        assert main(["lipschitz/second", "--format", kind, "--out", f"b/{kind}"]) == 0
        name = f"second.{kind}"
        assert Path("b", kind, name).read_bytes() == written[name]
    assert main(["--format", "png,pdf,svg", "--out", "c"]) == 0
    assert {path.name: path.read_bytes() for path in Path("c").iterdir()} == written


def test_files_hold_title_and_caption_and_no_date() -> None:
    main(["--format", "all", "--out", "a"])
    for kind, beginning in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        content = Path("a", f"first.{kind}").read_bytes()
        assert content.startswith(beginning)
        assert b"first" in content
        assert b"Left: more of it." in content
        assert not re.search(rb"CreationDate|dc:date|tIME", content)


def test_the_page_shows_what_lies_in_the_folder() -> None:
    main(["--format", "svg,pdf", "--out", "a"])
    page = Elements(Path("a/index.html").read_text("utf-8"))
    assert [image["src"] for image in page.all("img")] == ["first.svg", "second.svg"]
    links = [str(a["href"]) for a in page.all("a")]
    files = [link for link in links if not link.startswith("#")]
    assert set(files) == {"first.svg", "first.pdf", "second.svg", "second.pdf"}
    for d in FIGURES:
        assert d.caption in page.text
        assert f"python -m figures lipschitz/{d.name}" in page.text
    assert "Certified Lipschitz bounds (Fazlyab et al., 2019; Pauli et al., 2024)" in page.text
    assert "99.9% intervals" in page.text


def test_the_page_gathers_figures_drawn_one_by_one() -> None:
    main(["lipschitz/second", "--out", "a"])
    assert [g.entries[0].files for g in contact_sheet.groups(Path("a"))] == [["second.svg"]]
    main(["lipschitz/first", "--format", "png", "--out", "a"])
    (group,) = contact_sheet.groups(Path("a"))
    assert [(e.name, e.image) for e in group.entries] == [
        ("first", "first.png"),
        ("second", "second.svg"),
    ]


def test_a_figure_drawn_as_pdf_alone_has_no_thumbnail() -> None:
    main(["lipschitz/first", "--format", "pdf", "--out", "a"])
    page = Elements(Path("a/index.html").read_text("utf-8"))
    assert not page.all("img")
    assert "No thumbnail" in page.text
    assert page.all("a")[-1]["href"] == "first.pdf"


def test_the_page_needs_no_network_and_no_script_and_can_be_read_aloud() -> None:
    main(["--out", "a"])
    text = Path("a/index.html").read_text("utf-8")
    page = Elements(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "://" not in text
    assert "prefers-color-scheme: dark" in text
    assert page.all("html") == [{"lang": "en"}]
    assert [image["alt"] for image in page.all("img")] == [
        "Figure first: A line, a < b & c.",
        'Figure second: Another, "quoted", with 1.5 units.',
    ]
    for tag in ("header", "nav", "main", "h1", "title"):
        assert len(page.all(tag)) == 1
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    anchors = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")}
    assert anchors <= set(names)


def test_the_colours_of_the_page_can_be_read() -> None:
    """Contrast at least 4.5 of every text colour on its paper (WCAG 2, level AA)."""
    main(["--out", "a"])
    text = Path("a/index.html").read_text("utf-8")
    for scheme in re.findall(r":root \{([^}]*)\}", text):
        colours = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        for name in ("ink", "soft", "link"):
            assert _contrast(colours[name], colours["paper"]) > 4.5


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One."),
        ("At 1.5 of it. Two.", "At 1.5 of it."),
        ("Of q vs. p, all.", "Of q vs. p, all."),
        ("No stop", "No stop"),
        ("", ""),
    ],
)
def test_first_sentence(text: str, first: str) -> None:
    assert contact_sheet.first_sentence(text) == first


def _contrast(a: str, b: str) -> float:
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
