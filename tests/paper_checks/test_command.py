"""The command line: selection, files, exit codes, messages; and the page it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from paper_checks import registry
from paper_checks.__main__ import main
from paper_checks.report import problems, render, summary_line
from paper_checks.report.chart import chart
from paper_checks.report.formulas import formulas
from paper_checks.running import run_claims
from paper_checks.terminal import show
from tests.paper_checks import toy
from tests.paper_checks.toy import claim, mean_case


@pytest.fixture(autouse=True)
def in_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Each test runs in its own folder, with the toy subject as the whole registry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(registry, "SUBJECTS", ("toy",))
    monkeypatch.setitem(sys.modules, "paper_checks.toy", toy)
    monkeypatch.setattr(sys, "path", [*sys.path])


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_run_prints_a_line_per_claim_and_writes_record_and_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = said(capsys, "run", "--seed", "3")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:7]] == [c.id for c in toy.CLAIMS]
    assert re.match(r"toy/wrong-mean +REFUTED +-?0\.0\d\d \+- 0\.0\d\d +predicted 0\.5", lines[1])
    assert "7 claims: 7 as expected, 0 unexpected, 0 inconclusive; 13/13 mutants" in out
    record = json.loads(Path("runs/verdicts.json").read_text())
    assert record["seed"] == 3
    assert Path("runs/report.html").read_text() == render(record)
    assert not list(Path("runs").glob("*.tmp"))


def test_json_is_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("run", "toy/exact", "toy/square", "--json", "--record", "a.json", "--report", "a.html")
    code, out, _ = said(capsys, *words)
    assert code == 0
    assert json.loads(out) == json.loads(Path("a.json").read_text())
    assert [c["id"] for c in json.loads(out)["claims"]] == ["toy/exact", "toy/square"]
    assert not Path("runs").exists()


def test_report_from_a_stored_record(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "toy/exact")
    assert said(capsys, "report", "runs/verdicts.json", "--out", "new/page.html")[0] == 0
    assert Path("new/page.html").read_bytes() == Path("runs/report.html").read_bytes()


def test_blocks_are_kept_and_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    first = said(capsys, "run", "toy/mean", "--json", "--out", "blocks.jsonl")[1]
    kept = Path("blocks.jsonl").read_bytes()
    code, _, err = said(capsys, "run", "toy/mean", "--out", "blocks.jsonl")
    assert code == 2
    assert "--resume" in err
    words = ("run", "toy/mean", "--json", "--out", "blocks.jsonl", "--resume")
    again = said(capsys, *words)[1]
    assert Path("blocks.jsonl").read_bytes() == kept
    assert json.loads(again)["claims"][0]["estimate"] == json.loads(first)["claims"][0]["estimate"]


MINE = """
from paper_checks.core import Case, Claim, Computed, Verdict
from paper_checks.rules import identity

CLAIMS = (
    Claim(
        id="mine/one", source="derived", provenance="derived", kind="formula",
        statement="One is one.", expected=Verdict.SUPPORTED, method="exact",
        cases=(
            Case("1", Computed(lambda: 1.0), lambda: {value}, identity(), {{"two": lambda: 2.0}}),
        ),
    ),
)
"""


@pytest.mark.parametrize(("value", "expected"), [("1.0", 0), ("3.0", 1)])
def test_claims_of_a_file_outside_the_project(
    value: str, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my_claims.py").write_text(MINE.format(value=value))
    code, out, _ = said(capsys, "run", "my_claims.py", "toy/exact")
    sys.modules.pop("my_claims")
    assert code == expected
    assert out.startswith("mine/one")
    assert "toy/exact" in out


def test_neighbours_of_a_file_hide_no_module_of_python(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [*sys.path]
    Path("json.py").write_text("")
    Path("beside.py").write_text("ONE = 1.0")
    Path("good.py").write_text("import beside\n" + MINE.format(value="beside.ONE"))
    Path("bad.py").write_text("")
    assert said(capsys, "run", "bad.py")[0] == 2
    assert sys.path == before
    assert "bad" not in sys.modules
    assert said(capsys, "run", "good.py")[0] == 0
    assert sys.path == [*before, str(Path.cwd())]
    for name in ("good", "beside"):
        del sys.modules[name]


def test_list_names_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "list")
    assert code == 0
    assert re.findall(r"^toy/\S+", out, re.MULTILINE) == [c.id for c in toy.CLAIMS]
    assert "toy/wrong-mean  finding, expected REFUTED, quick, full\n" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run", "toy/maen"],
            'Error: unknown claim or subject "toy/maen"; did you mean "toy/mean"?',
        ),
        (["run", "zzz"], 'unknown claim or subject "zzz"; see `python -m paper_checks list`.'),
        (["run", "nothing.py"], "nothing.py; name a Python file with a tuple CLAIMS."),
        (["run", "empty.py"], "has no tuple CLAIMS"),
        (["run", "json.py"], "has the name of a module in use"),
        (["run", "--levle", "full"], "Did you mean"),
        (["run", "--level", "medium"], '"medium"'),
        (["run", "--alpha", "2"], "alpha must be between 0 and 1; got 2.0."),
        (["run", "--workers", "0"], "workers must be >= 1; got 0."),
        (["run", "--seed", "-1", "toy/mean"], "seed must be an integer from 0"),
        (["run", "toy/exact", "--report", "."], "it is a folder"),
        (["report", "nothing.json"], "cannot read nothing.json: No such file or directory"),
        (["report", "empty.py"], "empty.py is not a record"),
        (["list", "toy/maen"], "did you mean"),
    ],
)
def test_mistakes_get_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.py").write_text("")
    Path("json.py").write_text("")
    code, out, err = said(capsys, *words)
    assert code == 2
    assert not out
    assert err.count("\n") == 1
    assert message in err


def test_a_claim_of_the_other_level_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = claim("heavy", mean_case(0.0, levels=("full",)))
    monkeypatch.setattr(toy, "CLAIMS", (toy.EXACT, heavy))
    code, _, err = said(capsys, "run", "toy/heavy")
    assert (code, err) == (2, "Error: toy/heavy has no case at level quick; pass --level full.\n")
    code, out, _ = said(capsys, "run", "toy")
    assert code == 0
    assert "1 claim has no case at this level" in out


def test_a_defect_of_ours_is_exit_code_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> float:
        raise RuntimeError("a defect")

    monkeypatch.setattr(toy, "CLAIMS", (claim("x", mean_case(0.0, predict=broken)),))
    code, _, err = said(capsys, "run")
    assert code == 4
    assert "RuntimeError: a defect" in err


def test_unexpected_and_inconclusive_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = claim("x", mean_case(0.0, predict=lambda: 0.5, mutants={"true": lambda: 0.0}))
    monkeypatch.setattr(toy, "CLAIMS", (wrong,))
    code, out, _ = said(capsys, "run")
    assert code == 1
    assert "EXPECTED SUPPORTED" in out
    assert '! toy/x, case "mean 0": REFUTED, expected SUPPORTED; interval [' in out
    assert '! toy/x, case "mean 0": mutant "true" is SUPPORTED.' in out


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    heavy = ["jax", "scipy", "matplotlib", "dask", "distributed", "sympy", "jinja2"]
    program = (
        "import sys; from paper_checks.__main__ import main; "
        f"code = main({words[:2] if words != ['list'] else ['list', '--help']!r}); "
        f"print([m for m in {heavy!r} if m in sys.modules], code)"
    )
    root = Path(registry.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


# --- page ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return run_claims(toy.CLAIMS, seed=5)


class Elements(HTMLParser):
    """Collects start tags; complains about tags closed in the wrong order."""

    void = frozenset({"meta", "link", "br", "hr", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(page)
    parser.close()
    assert not parser.stack
    return parser.found


def test_page_is_self_contained_and_well_formed(record: dict[str, Any]) -> None:
    found = elements(render(record))
    assert not {"link", "img", "iframe"} & {tag for tag, _ in found}
    for _, attributes in found:
        for name in ("src", "href", "xlink:href", "onclick"):
            assert (attributes.get(name) or "#").startswith("#")
    anchors = [a["id"] for _, a in found if "id" in a]
    assert len(set(anchors)) == len(anchors)
    assert {a["href"] for t, a in found if t == "a"} <= {f"#{anchor}" for anchor in anchors}
    assert sum(tag == "math" for tag, _ in found) >= len(toy.CLAIMS)


def test_page_escapes_what_claims_say(record: dict[str, Any]) -> None:
    page = render(record)
    assert "&amp; &lt;so on&gt;" in page
    assert "<so on>" not in page
    typeset = str(formulas(r"<b> $\text{<b>}$ & $a<b>c$"))
    assert "<b>" not in typeset
    assert "&#x0003C;" in typeset


def test_identifiers_of_the_page_are_distinct(record: dict[str, Any]) -> None:
    anchors = [a["id"] for _, a in elements(render(record)) if "id" in a]
    assert len(set(anchors)) == len(anchors)


def test_chart_keeps_order_and_scale(record: dict[str, Any]) -> None:
    mean = next(c for c in record["claims"] if c["id"] == "toy/mean")
    drawn = chart(mean["cases"])
    assert drawn is not None
    for strip, case in zip(drawn.strips, mean["cases"], strict=True):
        assert strip is not None
        assert strip.band[0] < strip.interval[0] < strip.estimate < strip.interval[1]
        assert strip.interval[1] < strip.band[1]
        assert strip.prediction == pytest.approx(sum(strip.band) / 2, abs=0.02)
        values = [m["prediction"] for m in case["mutants"]]
        places = [mark.x for mark in strip.marks]
        assert sorted(range(2), key=values.__getitem__) == sorted(range(2), key=places.__getitem__)
        assert all(0 <= x <= 360 for x in (*strip.band, *strip.interval, *places))
    assert dict(drawn.ticks)[180.0] == "0"


def test_chart_of_a_proof_is_none(record: dict[str, Any]) -> None:
    square = next(c for c in record["claims"] if c["id"] == "toy/square")
    assert chart(square["cases"]) is None


def test_empty_run(capsys: pytest.CaptureFixture[str]) -> None:
    empty = run_claims([claim("heavy", mean_case(0.0, levels=("full",)))])
    show(empty)
    assert capsys.readouterr().out.startswith("no claim has a case at this level\n")
    assert "0 claims" in summary_line(empty)
    assert not list(problems(empty))
    elements(render(empty))
