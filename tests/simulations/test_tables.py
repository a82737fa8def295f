"""Tables and paragraphs that fit the terminal."""

from __future__ import annotations

import pytest

from simulations.tables import columns, paragraph, print_table

ROWS = [
    ["name", "less the first", "+-"],
    ["nearest", "0.012121", "0.002"],
    ["b", "-0.1", ""],
]


def printed(capsys: pytest.CaptureFixture[str], rows: list[list[str]]) -> list[str]:
    print_table(rows)
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ROWS) == [
        "name     less the first     +-",
        "nearest        0.012121  0.002",
        "b                  -0.1",
    ]


def test_a_heading_is_broken_where_the_table_is_too_wide(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "25")
    assert printed(capsys, ROWS) == [
        "         less the",
        "name        first     +-",
        "nearest  0.012121  0.002",
        "b            -0.1",
    ]


def test_then_columns_move_closer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "23")
    assert printed(capsys, ROWS)[1:] == [
        "name       first    +-",
        "nearest 0.012121 0.002",
        "b           -0.1",
    ]


def test_headings_may_be_empty_and_rows_may_be_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    assert printed(capsys, [["", "a b"], ["x", "y"]]) == ["   a", "   b", "x  y"]
    assert printed(capsys, [["name", "a b"]]) == ["     a", "name b"]
    assert printed(capsys, [["longer", ""], ["x", "7 7"]]) == ["longer", "x      7 7"]


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert columns() == 80
    monkeypatch.setenv("COLUMNS", "123")
    assert columns() == 123


def test_a_paragraph_keeps_its_lines_and_its_long_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    path = "runs/a-folder/with-hyphens/file.json"
    assert paragraph(f"Written to {path} now.\nDone.", "  ") == (
        f"  Written to\n  {path}\n  now.\n  Done."
    )
    assert paragraph("a bc" * 9, "    ", first="", width=20).splitlines()[1].startswith("    ")
    assert paragraph("") == ""
