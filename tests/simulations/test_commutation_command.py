"""`python -m simulations.commutation`: what it prints, and one line for every mistake."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulations import cli, core
from tests.simulations.commands import mistake

core.setup()

MODULE = "simulations.commutation"
SMALL = ("--width", "20", "--depth", "16")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [*sys.path])


def estimates(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    assert cli.main(MODULE, [*map(str, words), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)["estimates"]
    return found


MISTAKES = [
    ("--width 0", "--width must be an integer >= 1; got 0."),
    ("--depth 0", "--depth must be an integer >= 1; got 0."),
    ("--time 0", "--time must be a finite number > 0; got 0.0."),
    ("--q0 1e9", "--q0 must be from 1e-8 to 1e8 with float32; got 1000000000.0."),
    ("--correlation 1.1", "--correlation must be from -1 to 1; got 1.1."),
    ("--correlation nan", "--correlation must be from -1 to 1; got nan."),
    ("--gamma inf", "--gamma must be finite; got inf."),
    ("--gamma=-400", "--gamma -400.0 makes L^-gamma overflow."),
    ("--gamma 0.4 --branch linear", "--gamma and --branch both give branch factors;"),
    ("--branch steep", '--branch must be linear or module:function; got "steep".'),
    ("--branch nowhere:f", "--branch 'nowhere:f': cannot import 'nowhere'"),
    ("--branch mine:few", "--branch mine:few fails at (1, 100): TypeError: few() takes 1 "),
    ("--branch mine:late", "--branch mine:late gives nan at (7, 100)."),
    ("--branch mine:words", "--branch mine:words fails at (1, 100): ValueError: could not conv"),
    ("--branch mine:number", "--branch 'mine:number': 'number' is not callable."),
    ("--inner-width 0", "--inner-width must be an integer >= 1; got 0."),
    ("--inner-width 2.5", '--inner-width: "2.5" is not an integer.'),
    ("--bias-variance=-1", "--bias-variance must be a finite number >= 0; got -1.0."),
    ("--c-plus 1", "--c-plus has no meaning for resnet; leave it out."),
    ("--weight-variance 2", "--weight-variance has no meaning for resnet; leave it out."),
    ("--architecture mlp --weight-variance 0", "--weight-variance must be a finite number > 0"),
    ("--architecture mlp --inner-width 4", "--inner-width has no meaning for mlp; leave it out."),
    ("--architecture mlp --time 2", "--time has no meaning for mlp; leave it out."),
    ("--architecture shaped --activation tanh", "--activation has no meaning for shaped;"),
    ("--architecture shaped --c-plus=-10 --c-minus=-10", "make the shaped ReLU vanish."),
    ("--architecture cnn", 'Invalid value "cnn" for --architecture.'),
    ("--activation rellu", "unknown activation 'rellu'. Did you mean 'relu'?"),
    ("--records 4 --depth 4", "--records must be at most 2 at --depth 4; got 4."),
    ("--quantity ntk --architecture shaped", "--architecture must be resnet or mlp for ntk;"),
    ("--quantity ntk --inner-width 4", "--inner-width has no meaning for ntk; leave it out."),
    ("--quantity ntk --depth 1000000", "--depth 1000000 is too much for ntk at --width 100:"),
    ("--quantity commutes --depth 7", "--depth must be at least 8 for commutes; got 7."),
    ("--quantity commutes --sweep depth=8,16", "--sweep depth: it is surveyed here; leave it"),
    ("--sweep gram=1", '--sweep: "gram" is not a parameter.'),
    ("--sweep c-pluss=1", '--sweep: "c_pluss" is not a parameter. Did you mean "c_plus"?'),
    ("--inputs absent.npy", "--inputs: cannot read absent.npy: No such file or directory."),
    ("--inputs .", "--inputs: cannot read .: Is a directory."),
    ("--inputs mine.py", "--inputs: mine.py is not a .npy file; write it with numpy.save"),
    ("--inputs empty", "--inputs: empty is not a .npy file;"),
    ("--inputs objects.npy", "--inputs: objects.npy is an array of Python objects;"),
    ("--inputs two.npz", "--inputs: two.npz holds several arrays; write one with numpy.save."),
    ("--inputs words.npy", "--inputs: words.npy holds <U1, not real numbers."),
    ("--inputs flat.npy", "--inputs: flat.npy has shape (4,); it must be (inputs, dimension)."),
    ("--inputs none.npy", "--inputs: none.npy has shape (0, 4); it must be (inputs, dimension)."),
    ("--inputs many.npy", "--inputs: many.npy has 17 inputs; at most 16 are taken."),
    ("--inputs nan.npy", "--inputs: nan.npy holds nan in row 2, column 3."),
    ("--inputs zero.npy", "--inputs: row 2 of zero.npy has mean square 0;"),
    ("--inputs good.npy --q0 2", "--q0 has no meaning for inputs of one's own; leave it out."),
    ("--inputs good.npy --correlation 0", "--correlation has no meaning for inputs of one's own;"),
]

MINE = """
number = 1.0

def few(layer):
    return 1.0

def late(layer, depth):
    return 0.1 if layer < 7 else float("nan")

def words(layer, depth):
    return "one"

def falling(layer, depth):
    return (2 * (depth - layer + 0.5)) ** 0.5 / depth

def bump(x):
    return x / (1 + x * x)
"""


def files() -> None:
    Path("mine.py").write_text(MINE)
    Path("empty").touch()
    x = np.random.default_rng(5).standard_normal((3, 4))
    np.save("good.npy", x)
    np.save("objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.savez("two.npz", a=x, b=x)
    np.save("words.npy", np.array([["a", "b"]]))
    np.save("flat.npy", x[0])
    np.save("none.npy", x[:0])
    np.save("many.npy", np.ones((17, 2)))
    x[1, 2] = math.nan
    np.save("nan.npy", x)
    x[1] = 0
    np.save("zero.npy", x)


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    sys.modules.pop("mine", None)
    files()
    assert message in mistake(capsys, *words.split(), module=MODULE)


def test_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    found = estimates(capsys, *SMALL, "--samples", 4096)
    q = found["q_ab"]
    assert q["predicted"] == pytest.approx(0.63, abs=0.02)
    assert q["limit"] == pytest.approx(0.631372299, abs=1e-8)
    low, high = q["band"]
    assert low < q["value"] < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(6 / 20), rel=0.05)
    for name in ("sup_error_ab", "n_var_q_aa", "log_q", "positive", "fourth_moment"):
        assert abs(found[name]["value"] / found[name]["predicted"] - 1) < 0.3
    # A false alarm has probability 1e-6 for all of these together.
    for name in ("q_aa", "q_ab", "q_bb", "displacement"):
        e = found[name]
        assert abs(e["value"] - e["predicted"]) < 5.3 * e["stderr"] + e.get("error", 0.01)


def test_inputs_and_functions_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    sys.modules.pop("mine", None)
    files()
    x = np.load("good.npy")[:2]
    np.save("good.npy", x)
    words = ("--inputs", "good.npy", "--activation", "mine:bump", "--branch", "mine:falling")
    found = estimates(capsys, *SMALL, *words, "--samples", 4096, "--plot", "a.svg")
    for name in ("q_aa", "q_ab", "q_bb"):
        e = found[name]
        assert e["band"][0] < e["predicted"] < e["band"][1]
        assert abs(e["value"] - e["predicted"]) < 5.3 * e["stderr"] + 0.01
    assert Path("a.svg").exists()
    # Only the Gram matrix enters: a turned copy of the inputs is the same run, almost to the bit.
    np.save("good.npy", x[:, ::-1])
    again = estimates(capsys, *SMALL, *words, "--samples", 4096)
    assert again["q_ab"]["limit"] == pytest.approx(found["q_ab"]["limit"], rel=1e-12)


def test_equal_rows_and_more_inputs_than_units(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(5).standard_normal((5, 4))
    np.save("x.npy", x[[0, 1, 1, 2, 3]])
    found = estimates(capsys, "--inputs", "x.npy", "--width", 3, "--depth", 8, "--samples", 512)
    assert all(math.isfinite(e["value"]) for e in found.values())
    assert found["correlation_bc"]["value"] == pytest.approx(1, abs=1e-6)
    assert found["q_bc"]["limit"] == pytest.approx(found["q_bb"]["limit"], rel=1e-12)


def test_a_single_input(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.ones((1, 4), dtype=int))
    words = ("--inputs", "x.npy", "--width", 20, "--samples", 512, "--sweep", "depth=8,16")
    found = estimates(capsys, *words, "--plot", "a.svg")
    assert {"q_aa[8]", "q_aa[16]", "sup_error_aa[8]"} <= found.keys()
    assert not [name for name in found if "ab" in name]


@pytest.mark.parametrize("architecture", ["resnet", "mlp", "shaped"])
def test_commutes(architecture: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--quantity", "commutes", "--architecture", architecture, "--width", "20")
    words += ("--depth", "64", "--samples", "4096")
    found = estimates(capsys, *words)
    assert {f"var_log_q[{depth}]" for depth in (8, 16, 32, 64)} <= found.keys()
    slope = found["slope_var_log_q"]
    wanted = slope.get("predicted", slope.get("limit"))
    # Of infinite width only in the shaped case; a false alarm has probability 1e-6.
    slack = {"resnet": 1e-3, "mlp": 0.0, "shaped": 0.02}[architecture]
    assert abs(slope["value"] - wanted) < 5 * slope["stderr"] + slack
    assert cli.main(MODULE, words) == 0
    grows = "does not grow" if architecture == "resnet" else "grows with the depth"
    assert f"Var log q {grows}" in capsys.readouterr().out


@pytest.mark.slow
def test_tangent_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--quantity", "ntk", "--width", 64, "--depth", 4, "--samples", 2048)
    for architecture in ("resnet", "mlp"):
        found = estimates(capsys, *words, "--architecture", architecture)
        for name in ("ntk_aa", "ntk_ab", "ntk_bb"):
            assert found[name]["value"] == pytest.approx(found[name]["limit"], rel=0.25)


@pytest.mark.slow
@pytest.mark.slow
def test_sweep_of_architectures(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--sweep", "architecture=resnet,mlp", "--sweep", "width=8,16", "--depth", "8")
    assert cli.main(MODULE, [*words, "--samples", "256"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["architecture", "width", "q", "ab", "+-", "predicted", "limit"]
    assert [row[:2] for row in rows[1:5]] == [
        [kind, width] for kind in ("resnet", "mlp") for width in ("8", "16")
    ]


def test_results_continue_and_do_not_depend_on_the_shards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulations import jobs

    monkeypatch.setattr(jobs, "DRAWS_PER_BLOCK", 1 << 18)
    for part in ("0/2", "1/2"):
        assert cli.main(MODULE, [*SMALL, "--shard", part, "--out", f"{part[0]}.jsonl"]) == 0
    capsys.readouterr()
    merged = estimates(capsys, *SMALL, "--resume", "0.jsonl", "--resume", "1.jsonl")
    assert merged == estimates(capsys, *SMALL)
