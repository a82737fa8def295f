"""`python -m simulations.ntk_classifiers`: its answers, users' data, one line for every mistake."""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path

import pytest
from scipy.stats import norm

from simulations import cli, core
from tests.simulations import commands
from tests.simulations.commands import mistake, run
from theory.ntk_classifiers import bayes_risk, depth_needed

core.setup()

MODULE = "simulations.ntk_classifiers"
printed = functools.partial(commands.printed, MODULE)
Z = norm.isf(0.5e-6 / 50)
"""Two-sided 1e-6 for fifty normal statistics together: 5.6."""
SMALL = ("--points", 60, "--test", 20, "--samples", 40)

MINE = """import numpy as np
def odd(x): return x * np.exp(-x * x / 2)
def soft(x): return np.log1p(np.exp(x))
def even(x): return np.cos(x) - np.exp(-0.5)
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


# --- what an activation becomes -------------------------------------------------------------------


def test_gelu_in_dimension_three(capsys: pytest.CaptureFixture[str]) -> None:
    """E gelu = 1/(2 sqrt pi), E gelu^2 = 1/3 + 1/(2 sqrt3 pi) (Gaussian integrals)."""
    found = printed(capsys, *SMALL, "--activation", "gelu", "--dimension", 3)
    (report,) = found["reports"]
    assert report["classifier"] == "majority"
    assert report["exponent"] is None
    assert report["case"] == ">"
    assert report["consistent"] is False
    assert report["doubt"] is None
    root = math.sqrt(1 / 3 + 1 / (2 * math.sqrt(3) * math.pi))
    assert report["A"] == pytest.approx(1 / (2 * math.sqrt(math.pi)) / root, rel=1e-12)
    assert report["A'"] == pytest.approx(0.5 / root, rel=1e-12)
    assert report["B'"] > 1
    for kernel in ("nngp", "ntk"):
        expected = depth_needed(60, 3, "gelu", kernel=kernel)._asdict()
        assert report["depth_needed"][kernel] == expected
    assert report["bayes_risk"] == pytest.approx(0.24, abs=1e-12)  # the log odds are those of d = 1
    assert report["asymptotic_risk"] == pytest.approx(0.4, abs=1e-12)
    same = found["estimates"]["agreement@majority"]
    assert (same["value"], same["stderr"]) == (1, 0)


SLOPE = 2 / (3 * math.asin(2 / 3))
"""D'(0) of erf: D = asin(2x/3)/asin(2/3), and D'(1) = SLOPE/sqrt(5/9)."""
ACTIVATIONS = {
    "relu": ("majority", None, "=", False),
    "gelu": ("majority", None, ">", False),
    "ou:1,0": ("kriging", None, "<", None),
    "erf": ("singular", -2 * math.log(SLOPE) / math.log(SLOPE * 1.8**0.5), ">", False),
    "optimal:2": ("singular", 2.0, ">", True),
    "optimal:3": ("singular", 3.0, ">", False),
    "hermite:2": ("nearest-neighbour", None, ">", False),
    "my_ten:odd": ("singular", -4 * math.log(3**0.75 / 8**0.5) / math.log(2), ">", False),
    "my_ten:soft": ("kriging", None, "<", None),
    "my_ten:even": ("nearest-neighbour", None, ">", False),
}
"""Classifier, exponent, case, consistent for d = 2; my_ten:odd has A'^2 = 27^(1/2)/8 and B' = 2."""


def test_ten_activations_three_of_them_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my_ten.py").write_text(MINE)
    words = (*SMALL[:4], "--samples", 2, "--methods", "nearest")
    several = ",".join(name for name in ACTIVATIONS if "," not in name)
    found = printed(capsys, *words, "--sweep", f"activation={several}")
    reports = found["reports"] + printed(capsys, *words, "--activation", "ou:1,0")["reports"]
    by_name = {r["activation"]: r for r in reports}
    for name, (kind, exponent, case, consistent) in ACTIVATIONS.items():
        r = by_name[name]
        assert (r["classifier"], r["case"], r["consistent"]) == (kind, case, consistent), name
        assert r["exponent"] == (None if exponent is None else pytest.approx(exponent, rel=1e-9))
        assert all(r["depth_needed"][k]["layers"] >= 1 for k in ("nngp", "ntk"))
    assert "too near 0 to tell" in by_name["my_ten:even"]["doubt"]
    assert by_name["hermite:2"]["doubt"] is None
    value = found["estimates"]["excess[my_ten:even]"]["value"]
    assert value == found["estimates"]["excess@nearest[my_ten:even]"]["value"]


def test_the_table_says_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(MODULE, ["--dimension", "1", *map(str, SMALL), "--plot", "a.svg"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for words in (
        "excess@hilbert:1",
        "less the first",
        "optimal:2 becomes: singular kernel of exponent 2.  A = 0, A' = 0.707107, B' = 2.",
        "Not consistent in dimension 1: the exponent 2 is not the dimension, 1.",
        "Depth needed by the NTK: ",
        "Bayes risk of the two classes: 0.240000.",
        "Worse here than limit:optimal:2: majority.",
    ):
        assert words in said.out
    assert "agreement@" not in said.out
    assert Path("a.svg").read_text().count("<svg") == 1


def test_learning_curve(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--test", 20, "--samples", 60, "--dimension", 1, "--methods", "hilbert:1", "nearest")
    found = printed(capsys, *words, "--sweep", "points=10,160", "--plot", "curve.png")
    e = found["estimates"]
    for points in (10, 160):
        assert e[f"excess@hilbert:1[{points}]"]["limit"] == 0
        # C8 of the sheet: 0.0826048864849
        limit = e[f"excess@nearest[{points}]"]["limit"]
        assert limit == pytest.approx(0.0826048864849, abs=1e-12)
        risk = e[f"error@nearest[{points}]"]["limit"]
        assert risk == pytest.approx(0.24 + 0.0826048864849, abs=1e-12)
        assert e[f"difference@nearest[{points}]"]["limit"] == limit
    assert Path("curve.png").stat().st_size > 10_000
    printed(capsys, *words, "--sweep", "prior=0.4,0.5", "--points", 10, "--plot", "other.png")
    assert Path("other.png").stat().st_size > 5_000


def test_limits_below_the_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = ("limit:optimal:2", "nngp:60:optimal:2")
    words = ("--dimension", 1, "--methods", "hilbert:.5", *unknown)
    e = printed(capsys, *SMALL, *words)["estimates"]
    # by mpmath quadrature of the sign of the global average, at 30 digits
    assert e["excess@hilbert:.5"]["limit"] == pytest.approx(0.008433403504178113, abs=1e-12)
    for text in unknown:
        assert "limit" not in e[f"excess@{text}"]


def test_own_dirichlet_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--alpha1", "0.5,0.5,2.5", "--alpha2", "2.5", "0.1", "0.5", "--prior", 0.3)
    (report,) = printed(capsys, *SMALL, *words)["reports"]
    expected = bayes_risk((0.5, 0.5, 2.5), (2.5, 0.1, 0.5), 0.3).value
    assert report["bayes_risk"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "sine:2.676"])
def test_networks_are_near_their_limits(
    activation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """O(1/n), the constant about ten times the limit."""
    words = ("--quantity", "network", "--width", 256, "--depth", 2, "--samples", 1000)
    found = printed(capsys, *words, "--activation", activation)["estimates"]
    assert set(found) == {"nngp", "nngp_diagonal", "ntk", "ntk_diagonal"}
    for name, e in found.items():
        slack = 10 / 256 * max(abs(e["limit"]), 0.1)
        assert abs(e["value"] - e["limit"]) < Z * e["stderr"] + slack, (name, e)


@pytest.mark.slow
def test_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--quantity", "network", "--width", 8, "--depth", 1, "--samples", 4000)
    found = printed(capsys, *words, "--activation", "erf")["estimates"]
    for e in found.values():  # exact at one layer
        assert abs(e["value"] - e["limit"]) < Z * e["stderr"] + 1e-6


MISTAKES = [
    ("--depth 2", "has condition number above 1e17, too large for double precision: take another"),
    ("--activation linear", "linear is linear: K_L = (L + 1) x.x' has no limit classifier."),
    ("--activation sillu", "unknown activation 'sillu'. Did you mean 'silu'?"),
    ("--methods hilbert", '--methods: "hilbert" is no classifier; write hilbert:ALPHA.'),
    ("--kernel ntk", "--kernel ntk needs its --depth."),
    (
        "--methods nearest --depth 3",
        "--depth has no meaning for methods of one's own; leave it out",
    ),
    ("--points 0", "--points must be an integer >= 1; got 0."),
    ("--dimension 1001", "--dimension must be at most 1000; got 1001."),
    ("--prior 1", "--prior must be between 0 and 1; got 1.0."),
    ("--prior nan", "--prior must be between 0 and 1; got nan."),
    ("--ridge=-1", "--ridge must be a finite number >= 0; got -1.0."),
    ("--alpha1 1,2,3", "--alpha1 and --alpha2 go together; give both or neither."),
    ("--alpha1 1,2 --alpha2 1,2", "--alpha1 must have 3 numbers at --dimension 2; got 1,2."),
    ("--alpha1 1,0,2 --alpha2 1,1,1", "--alpha1 takes finite numbers > 0; got 1,0,2."),
    ("--alpha1 1,a,2", "it takes numbers as in 0.5,0.5,2.5; got 1,a,2."),
    ("--quantity network --depth 6", "--depth of a network must be from 1 to 5."),
    ("--quantity network --distance 2.1", "--distance must be from 0 to 2; got 2.1."),
    (
        "--quantity network --activation optimal:0.25",
        "a network needs a polynomial of degree at most 100, not 511.",
    ),
    ("--sweep table=abc", '--sweep: "table" is not a parameter.'),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in mistake(capsys, *words.split(), module=MODULE)


# --- how it runs ----------------------------------------------------------------------------------


def test_results_continue_and_do_not_depend_on_the_shards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulations.ntk_classifiers import votes

    monkeypatch.setattr(votes, "WORK", 1 << 16)
    words = ("--points", "50", "--test", "20", "--samples", "50")
    for part in ("0/2", "1/2"):
        assert cli.main(MODULE, [*words, "--shard", part, "--out", f"{part[0]}.jsonl"]) == 0
    capsys.readouterr()
    merged = printed(capsys, *words, "--resume", "0.jsonl", "--resume", "1.jsonl")["estimates"]
    assert merged == printed(capsys, *words)["estimates"]


@pytest.mark.slow
def test_workers_change_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--points", 500, "--test", 200, "--samples", 40)
    one = printed(capsys, *words)["estimates"]
    assert one == printed(capsys, *words, "--workers", 2)["estimates"]


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = run([sys.executable, "-X", "importtime", "-m", MODULE, "--help"], tmp_path)
    assert done.returncode == 0
    assert "--methods" in done.stdout
    assert "or data sets" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "cyclopts" in imported
    heavy = {"jax", "scipy", "matplotlib", "dask", "sympy", "flint", "safetensors", "sklearn"}
    assert not imported & heavy
