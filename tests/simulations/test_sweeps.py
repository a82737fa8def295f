"""Sweeps over lists of parameters, on a toy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulations import cli
from tests.simulations.commands import mistake

TOY = "tests.simulations.toy_twin"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


SWEEPS = [
    ("--sweep size", '--sweep must be parameter=value,value,...; got "size".'),
    ("--sweep size=", '--sweep must be parameter=value,value,...; got "size=".'),
    ("--sweep sise=1", '--sweep: "sise" is not a parameter. Did you mean "size"?'),
    ("--sweep size=1.5", '--sweep size: "1.5" is not an integer.'),
    ("--sweep mean=x", '--sweep mean: Unable to convert "x" into float.'),
    ("--sweep trap=snap", '--sweep trap: Invalid value "snap". Choose from:'),
    ("--sweep size=0", "--size must be an integer >= 1; got 0."),
    ("--sweep size=1 --size 2", "--size is swept; leave one of the two out."),
    ("--sweep size=1 --sweep size=2", "--sweep: every parameter can be swept once."),
]


@pytest.mark.parametrize(("words", "message"), SWEEPS, ids=[m[0] for m in SWEEPS])
def test_sweep_that_is_none(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in mistake(capsys, *words.split(), module=TOY)


def test_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--sweep", "size=1, 3", "--sweep", "mean=0,2.5", "--samples", "100"]
    assert cli.main(TOY, [*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    names = {"x[1,0.0]", "x[1,2.5]", "x[3,0.0]", "x[3,2.5]"}
    assert {name for name in record["estimates"] if name.startswith("x")} == names
    assert record["estimates"]["x[3,2.5]"]["predicted"] == 2.5
    assert record["params"]["mean"] == [0, 2.5, 0, 2.5]
    assert cli.main(TOY, [*words, "--plot", "a.svg"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["size", "mean", "x", "+-", "predicted", "limit"]
    assert [row[:2] for row in rows[1:5]] == [
        ["1", "0.0"],
        ["1", "2.5"],
        ["3", "0.0"],
        ["3", "2.5"],
    ]
    assert Path("a.svg").exists()
    # One run is the run of the same parameters by itself.
    assert cli.main(TOY, ["--size", "3", "--mean", "2.5", "--samples", "100", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)["estimates"]["x"]
    assert alone == record["estimates"]["x[3,2.5]"]


def test_sweep_of_something_else_keeps_the_survey(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--sweep", "mean=0,1", "--samples", "10", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {"x[0.0,1]", "x[0.0,2]", "x[1.0,1]", "x[1.0,2]"} <= record["estimates"].keys()
