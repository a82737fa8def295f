"""Cases decided by certificates, the files of a run, and the commands certify and recheck."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paper_checks import registry
from paper_checks.__main__ import main
from paper_checks.certificates import attempt, certified
from paper_checks.core import Case, Claim, Verdict
from paper_checks.report import problems, render
from paper_checks.running import run_claims
from tests.theory.rigor_toys import TOYS
from theory.rigor import check
from theory.rigor.statements import SUBJECTS


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs in its own folder, with the toys as the only statements."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delitem(SUBJECTS, "selu")
    monkeypatch.setitem(SUBJECTS, "toy", ("tests.theory.rigor_toys",) * 2)


def claim(*cases: Case, expected: Verdict = Verdict.PROVED) -> Claim:
    return Claim(
        id="toy/bump",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement="$x^2 + y^2 - x y^2 < m$ on the box.",
        expected=expected,
        method="interval",
        cases=cases,
    )


def margin(value: str) -> tuple[str, None, dict[str, str]]:
    return ("toy/bump", None, {"margin": value})


PROVED = certified("m = 0.53", *margin("0.53"), mutants={"m = 0.52": margin("0.52")})


def test_a_proof_is_proved_and_its_mutant_refuted_by_a_point(tmp_path: Path) -> None:
    record = run_claims([claim(PROVED)], certificates=tmp_path / "kept")
    (found,) = record["claims"]
    assert found["verdict"] == Verdict.PROVED
    assert found["estimate"] == "toy/bump"
    (case,) = found["cases"]
    certificate = case["certificate"]
    assert case["prediction"] == f"proved with {certificate['boxes']} boxes"
    assert certificate["cells"] >= certificate["boxes"] > 1
    assert 0 < certificate["seconds"] < 10
    assert certificate["file"] == str(tmp_path / "kept" / "toy.bump.1-m-0.53.json")
    assert check(certificate["file"]).accepted
    assert found["mutants"] == [
        {"name": "m = 0.52", "prediction": "refuted at x = 0.7, y = 1/3", "verdict": "REFUTED"}
    ]
    json.dumps(record, allow_nan=False)
    assert f"{certificate['boxes']} boxes" in repr(record)
    assert f"{certificate['boxes']} boxes" in render(record)
    assert list(problems(record)) == []


def test_a_refutation_carries_its_point(tmp_path: Path) -> None:
    case = certified("m = 0.52", *margin("0.52"))
    record = run_claims([claim(case, expected=Verdict.REFUTED)], certificates=tmp_path)
    (found,) = record["claims"]
    assert found["verdict"] == Verdict.REFUTED
    assert {k: found["witness"][k] for k in "xy"} == {"x": "0.7", "y": "1/3"}
    assert found["witness"]["value"].startswith("[-0.00333")
    assert check(found["cases"][0]["certificate"]["file"]).accepted
    assert "1/3" in render(record)


def test_what_is_not_decided_is_inconclusive(tmp_path: Path) -> None:
    case = certified("few", *margin("0.5234"), mutants={"same": margin("0.53")}, max_boxes=2)
    record = run_claims([claim(case)], certificates=tmp_path / "none")
    (found,) = record["claims"]
    assert found["verdict"] == Verdict.INCONCLUSIVE
    assert found["cases"][0]["note"].startswith("not decided within 2 boxes; left over: positive,")
    assert "file" not in found["cases"][0]["certificate"]
    assert not (tmp_path / "none").exists()
    assert any("not decided within 2 boxes" in line for line in problems(record))


def test_what_the_checker_rejects_decides_nothing() -> None:
    """The other statement's checker, where the same boxes prove nothing."""
    statement, _ = TOYS["bump"]
    _, other = TOYS["spread"]
    for value in ("0.6", "0.5"):
        tried = attempt(statement, parameters={"margin": value}, recheck=other)
        assert tried.verdict is Verdict.INCONCLUSIVE
        assert tried.witness is None
        assert "the checker rejects it: its variables are not those" in str(tried)


def test_a_mistake_in_a_case_names_the_case() -> None:
    case = certified("typo", "toy/bomp", mutants={"m = 0.52": margin("0.52")})
    with pytest.raises(
        ValueError, match='toy/bump, case "typo": unknown statement "toy/bomp"; did'
    ):
        run_claims([claim(case)])


def test_the_command_run_keeps_certificates_beside_its_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("paper_checks.proofs")
    module.CLAIMS = (claim(PROVED),)  # type: ignore[attr-defined]  # a made-up module
    monkeypatch.setattr(registry, "SUBJECTS", ("proofs",))
    monkeypatch.setitem(sys.modules, "paper_checks.proofs", module)
    assert main(["run", "--record", "out/a.json", "--report", "b.html"]) == 0
    assert [p.name for p in Path("out").rglob("*.json")] == ["a.json", "toy.bump.1-m-0.53.json"]
    assert main(["recheck", "out/certificates/toy.bump.1-m-0.53.json"]) == 0


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_certify_proves_and_recheck_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("certify", "toy/bump", "--domain", "x=-0.2,0.6", "--domain", "y=0.1,0.3")
    code, out, err = said(capsys, *words, "--parameter", "margin=0.5", "--out", "c.json")
    assert (code, err) == (0, "")
    assert out.startswith("toy/bump  PROVED  proved with ")
    assert "On x in [-0.2, 0.6], y in [0.1, 0.3]; margin = 0.5." in out
    assert "Rechecked independently on " in out
    code, out, err = said(capsys, "recheck", "c.json")
    assert (code, err) == (0, "")
    assert out.startswith("accepted: toy/bump, proved with ")


def test_certify_refutes_by_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(
        capsys, "certify", "toy/bump", "--parameter=margin=0.5", "--json", "--out", "c.json"
    )
    record = json.loads(out)
    assert code == 1
    assert record["verdict"] == "REFUTED"
    assert record["point"] == {"x": "0.7", "y": "1/3"}
    assert said(capsys, "recheck", "c.json")[0] == 0
    code, out, _ = said(capsys, "certify", "toy/bump", "--parameter=margin=0.5")
    assert code == 1
    assert "refuted at x = 0.7, y = 1/3" in out


def test_certify_gives_up_after_the_boxes_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("certify", "toy/touch", "--boxes", "20")
    code, out, _ = said(capsys, *words, "--out", "c.json")
    assert code == 3
    assert "INCONCLUSIVE  not decided within 20 boxes; left over: positive, [" in out
    assert not Path("c.json").exists()
    assert json.loads(said(capsys, *words, "--json")[1])["where"].startswith("positive, [")


def test_certify_lists_the_statements(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "certify")
    assert code == 0
    assert "toy/bump  x in [-0.1, 0.7], y in [0.1, 1/3]\n    parameters: margin = 0.6\n" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("toy/bomp",), 'Error: unknown statement "toy/bomp"; did you mean "toy/bump"?'),
        (("toy/bump", "--domain", "z=0,1"), 'Error: unknown variable "z"; known: x, y.'),
        (("toy/bump", "--domain", "x=1,0"), "Error: the range of x is reversed: 1 > 0;"),
        (("toy/bump", "--domain", "x=0"), "Error: the range of x must be two ends"),
        (("toy/bump", "--domain", "x=0,inf"), "Error: the range of x: each end must be a number"),
        (("toy/bump", "--domain", "x"), 'Error: --domain needs name=low,high; got "x".'),
        (("toy/bump", "--domain", "x=0,1", "--domain", "x=0,2"), "--domain gives one name twice."),
        (
            ("toy/bump", "--parameter", "margin"),
            'Error: --parameter needs name=value; got "margin"',
        ),
        (("toy/bump", "--boxes", "0"), "Error: max_boxes must be a whole number"),
        (("toy/bump", "--precision", "7"), "Error: precision must be a whole number"),
        (
            ("toy/bump", "--out", "no/c.json"),
            "Error: cannot write no/c.json: there is no folder no.",
        ),
        (("toy/bump", "--boxs", "3"), "Unknown option: --boxs. Did you mean --boxes?"),
    ],
)
def test_mistakes_get_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, out, err = said(capsys, "certify", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ('"0.7"', '"0.8"', 1, "rejected: c.json: its digest does not fit"),
        ("proved", "proven", 1, "rejected: c.json: its digest does not fit"),
        ("{", "", 2, "Error: c.json: not a certificate: it is no JSON."),
        ("deepverdict", "other", 2, "Error: c.json: not a certificate: there is no"),
    ],
)
def test_recheck_rejects_or_cannot_read(
    capsys: pytest.CaptureFixture[str], old: str, new: str, code: int, message: str
) -> None:
    said(capsys, "certify", "toy/bump", "--out", "c.json")
    path = Path("c.json")
    path.write_text(path.read_text().replace(old, new, 1))
    found, out, err = said(capsys, "recheck", "c.json")
    assert found == code
    assert (out + err).startswith(message)
    assert (out + err).count("\n") == 1


def test_recheck_rejects_a_certificate_that_proves_less(capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from theory.rigor import load, save

    said(capsys, "certify", "toy/bump", "--out", "c.json")
    found: Any = load("c.json")
    save(replace(found, goals={"positive": found.goals["positive"][1:]}), "c.json")
    code, out, _ = said(capsys, "recheck", "c.json")
    assert (code, out) == (1, "rejected: goal positive: the boxes leave a gap.\n")
    assert said(capsys, "recheck", "absent.json")[0] == 2
