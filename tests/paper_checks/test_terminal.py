"""What is printed: lines that fit, colours on a terminal only; records to look at."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paper_checks import registry, terminal
from paper_checks.__main__ import main
from paper_checks.records import ClaimRecord, RunRecord
from paper_checks.running import run_claims
from tests.paper_checks import toy
from tests.simulations import commands

LONG = "kernel_density/C5.relative-variance-quadrature"


@pytest.fixture(scope="module")
def record() -> Any:
    return run_claims(toy.CLAIMS, seed=3)


def altered(record: Any, **changes: Any) -> dict[str, Any]:
    """The first claim of a run, changed, as a run of its own."""
    claim = record["claims"][0] | changes
    return record | {"claims": [claim]}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit(record: Any, width: int) -> None:
    lines = [line for claim in terminal.rows(record, width) for line in claim]
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if line != line.rstrip() or not line.strip()]


def test_a_wide_terminal_has_a_line_for_each_claim(record: Any) -> None:
    assert [len(lines) for lines in terminal.rows(record, 300)] == [1] * len(toy.CLAIMS)


def test_nothing_is_lost_in_a_narrow_one(record: Any) -> None:
    def words(width: int) -> list[list[str]]:
        return [" ".join(lines).split() for lines in terminal.rows(record, width)]

    assert words(60) == words(300)


def test_a_long_name_has_its_line_for_itself(record: Any) -> None:
    ((first, *rest),) = terminal.rows(altered(record, id=LONG), 80)
    assert first == f"{LONG}  {record['claims'][0]['verdict']}"
    assert rest
    assert max(map(len, rest)) <= 80


def test_what_was_not_expected_is_said(record: Any) -> None:
    ((*lines,),) = terminal.rows(altered(record, expected="REFUTED"), 80)
    assert "EXPECTED REFUTED" in " ".join(lines)


def test_the_commands_keep_to_eighty_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(registry, "SUBJECTS", ("toy",))
    monkeypatch.setitem(sys.modules, "paper_checks.toy", toy)
    for words in (["run"], ["list"], ["certify"]):
        assert main(words) == 0
        printed = capsys.readouterr().out.splitlines()
        assert max(map(len, printed)) <= 80
        assert not [line for line in printed if "\x1b" in line]


def test_the_list_of_the_project_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [x for entry in terminal.listing(registry.select([])) for x in entry.splitlines()]
    # A word is not broken: that of a formula may be longer than a line.
    assert not [line for line in lines if len(line) > 80 and " " in line.strip()]


def test_colours_on_a_terminal_only(record: Any) -> None:
    plain = io.StringIO()
    with contextlib.redirect_stdout(plain):
        terminal.show(record)
    assert "\x1b" not in plain.getvalue()
    program = (
        "import json; from paper_checks import terminal; "
        "terminal.show(json.load(open(0, encoding='utf-8', closefd=False)))"
    )
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        printed = on_a_terminal(program, json.dumps(record), extra)
        assert ("\x1b[" in printed) == coloured
        assert ("\x1b[32m" in printed) == coloured


def test_records_are_dictionaries_that_show_themselves(record: Any) -> None:
    assert isinstance(record, RunRecord)
    assert record == dict(record)
    assert json.loads(json.dumps(record)) == json.loads(json.dumps(dict(record)))
    text = repr(record)
    assert all(claim.id in text for claim in toy.CLAIMS)
    assert text.splitlines()[-1].endswith("s.")
    page = record._repr_html_()
    assert page.count("<tr>") == len(toy.CLAIMS) + 1
    for claim in record["claims"]:
        assert isinstance(claim, ClaimRecord)
        assert repr(claim).startswith(f"{claim['id']}  {claim['verdict']}")
        assert claim._repr_html_().count("<tr>") == len(claim["cases"]) + 1
        assert ", expected" not in claim._repr_html_()


@pytest.mark.parametrize(("verdict", "wrong"), [("PROVED", False), ("REFUTED", True)])
def test_more_than_was_expected_is_not_wrong(record: Any, verdict: str, wrong: bool) -> None:
    supported = next(c for c in record["claims"] if c["expected"] == "SUPPORTED")
    page = ClaimRecord(supported | {"verdict": verdict})._repr_html_()
    assert (", expected SUPPORTED" in page) is wrong


def test_claims_say_what_they_are() -> None:
    claim = toy.CLAIMS[0]
    assert repr(claim) == f"Claim({claim.id}, {claim.kind}, expected {claim.expected}, 3 cases)"
    page = claim._repr_html_()
    assert claim.cases[0].label in page
    assert claim.provenance in page


def on_a_terminal(program: str, given: str, extra: dict[str, str]) -> str:
    """What a program prints to a terminal."""
    outer, inner = pty.openpty()
    environment = commands.environment() | {"TERM": "xterm-256color", "COLUMNS": "80"}
    environment = {k: v for k, v in environment.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=inner,
        env=environment | extra,
    )
    assert process.stdin is not None
    process.stdin.write(given.encode())
    process.stdin.close()
    os.close(inner)
    printed = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error on Linux
        while part := os.read(outer, 4096):
            printed += part
    os.close(outer)
    assert process.wait(60) == 0
    return printed.decode()
