"""`python -m simulations.kernel_density` on random data: what it prints; a mistake is one line."""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import norm

from simulations import cli, core
from tests.simulations import commands
from tests.simulations.commands import mistake, run

core.setup()

MODULE = "simulations.kernel_density"
printed = functools.partial(commands.printed, MODULE)
Z = norm.isf(0.5e-6 / 50)
"""Two-sided 1e-6 for fifty normal statistics together: 5.6."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def assert_predicted(found: dict[str, Any], *names: str) -> None:
    for name in names:
        e = found[name]
        assert abs(e["value"] - e["predicted"]) < Z * e["stderr"] + e.get("error", 0), (name, e)


def test_estimates_predictions_and_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Sheet, 5.4: finite h_G = 0.91698588 at (20, 1000); C10: the best bandwidth of 1000 points."""
    words = ("--dimension", 20, "--points", 1000, "--bandwidth", 0.8)
    found = printed(capsys, *words)
    assert_predicted(found["estimates"], "log_sum", "log_density", "y2", "y3")
    assert found["params"]["bandwidth"] == 0.8
    assert found["params"]["points"] == 1000
    (report,) = found["reports"]
    assert report["regime"] == "condensed"
    assert "nearest points own the estimate" in report["meaning"]
    assert report["boundaries"]["finite"]["h_glass"] == pytest.approx(0.91698588, abs=1e-8)
    assert report["index"]["finite"] == pytest.approx((0.8 / 0.91698588) ** 2, rel=1e-7)
    assert report["share"] == found["estimates"]["y2"]["predicted"]
    assert report["effective_points"] == 1 / report["share"]
    assert report["kl_optimum"]["bandwidth"] == pytest.approx(0.86442, abs=5e-5)
    assert report["kl_optimum"]["divergence"] == pytest.approx(1.828, abs=1e-3)
    assert report["divergence"] > report["kl_optimum"]["divergence"]
    assert report["scott"] == pytest.approx(1000 ** (-1 / 24))
    assert cli.main(MODULE, [*map(str, words)]) == 0
    said = capsys.readouterr().out
    assert "Condensed: a few nearest points own the estimate" in said
    assert "least KL divergence" in said


def test_asymptotic_boundaries(capsys: pytest.CaptureFixture[str]) -> None:
    """Sheet, 5.1 and C16, at alpha = 1/4; the number of points is any real number."""
    n = math.exp(12.5)
    found = printed(capsys, "--dimension", 50, "--points", n, "--bandwidth", 1.6, "--samples", 500)
    (report,) = found["reports"]
    assert report["alpha"] == pytest.approx(0.25, rel=1e-15)
    assert report["regime"] == "normal"
    limits = report["boundaries"]["asymptotic"]
    expected = {
        "h_glass": 0.946847039849921,
        "h_clt": 1.33904392524858,
        "h_kl": 0.834374507532106,
        "h_mise": 0.933023685008675,
        "h_scott": math.exp(-0.25),
    }
    assert limits == pytest.approx(expected, rel=1e-12)
    assert report["collapse_bandwidth"] == pytest.approx(1.24157, abs=1e-5)
    assert report["index"]["asymptotic"] == pytest.approx((1.6 / 0.946847039849921) ** 2)


@pytest.mark.slow
def test_one_point_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--dimension", 1, "--points", 1, "--samples", 2000)
    (report,) = found["reports"]
    assert report["regime"] is None
    assert report["meaning"] == "the estimate is the kernel of one point"
    assert report["effective_points"] == pytest.approx(1)
    assert_predicted(found["estimates"], "log_sum")
    words = ("--dimension", 3, "--points", 100, "--samples", 1000)
    found = printed(capsys, *words, "--sweep", "bandwidth=0.5,scott,silverman,likelihood")
    used = found["params"]["bandwidth"]
    assert used[:3] == pytest.approx([0.5, 100 ** (-1 / 7), 125 ** (-1 / 7)])
    for report, h in zip(found["reports"], used, strict=True):
        assert report["divergence"] >= report["kl_optimum"]["divergence"] - 1e-9
        assert report["bandwidth"] == h
    assert used[3] == pytest.approx(report["kl_optimum"]["bandwidth"])


@pytest.mark.parametrize(("h", "regime", "y2"), [(1e-6, "condensed", 1), (1e6, "normal", 1e-3)])
def test_ends_of_the_bandwidth(
    h: float, regime: str, y2: float, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--dimension", 20, "--points", 1000, "--bandwidth", h, "--samples", 1000)
    found = printed(capsys, *words)
    assert found["reports"][0]["regime"] == regime
    assert found["estimates"]["y2"]["value"] == pytest.approx(y2)
    # At 1e6 all weights are 1 - 2e-11: rounding remains.
    e = found["estimates"]["log_sum"]
    assert abs(e["value"] - e["predicted"]) < Z * e["stderr"] + 1e-12


@pytest.mark.slow
def test_other_quantities(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--quantity", "direct", "--dimension", 4, "--points", 60, "--samples", 2000)
    for more in ((), ("--query", "random")):
        found = printed(capsys, *words, *more)["estimates"]
        assert_predicted(found, "log_sum", "log_density", "y2", "y3", "distance")
    found = printed(capsys, "--quantity", "spacings", "--points", 1e20, "--samples", 200)
    assert_predicted(found["estimates"], "spacing", "spacing_square")
    words = ("--quantity", "leave-one-out", "--dimension", 3, "--points", 50, "--samples", 20)
    found = printed(capsys, *words)["estimates"]
    assert_predicted(found, "kl_scott")
    assert found["bandwidth"]["value"] == pytest.approx(found["bandwidth"]["limit"], rel=0.1)
    assert found["bandwidth"]["asymptotic"] < found["bandwidth"]["limit"]


@pytest.mark.slow
def test_no_optimum_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    """Far outside of all use: d = 1 with 1e30 points."""
    words = ("--dimension", 1, "--points", 1e30, "--samples", 200)
    (report,) = printed(capsys, *words, "--bandwidth", 1e-3)["reports"]
    best = report["kl_optimum"]
    assert best is None or best["divergence"] <= report["divergence"]


def test_results_do_not_depend_on_the_shards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulations.kernel_density import SUMS

    words = ("--bandwidth", "0.7", "--samples", str(3 * SUMS.block_size(None)))
    for part in ("0/2", "1/2"):
        assert cli.main(MODULE, [*words, "--shard", part, "--out", f"{part[0]}.jsonl"]) == 0
    capsys.readouterr()
    merged = printed(capsys, *words, "--resume", "0.jsonl", "--resume", "1.jsonl")["estimates"]
    assert merged == printed(capsys, *words)["estimates"]


MISTAKES = [
    ("--points 0", "--points must be from 1 to 1e+200; got 0."),
    ("--points nan", "--points must be from 1 to 1e+200; got nan."),
    ("--points 1e201", "--points must be from 1 to 1e+200; got 1e+201."),
    ("--points 10.5", "--points must be whole up to 64; got 10.5."),
    ("--points ten", "ten"),
    ("--dimension 0", "--dimension must be an integer >= 1; got 0."),
    ("--dimension 2.5", '"2.5" is not an integer.'),
    ("--dimension 200000", "--dimension must be at most 100000; got 200000."),
    ("--bandwidth 0", "--bandwidth must be a finite number > 0; got 0.0."),
    ("--bandwidth=-1", "--bandwidth must be a finite number > 0; got -1.0."),
    ("--bandwidth nan", "--bandwidth must be a finite number > 0; got nan."),
    ("--bandwidth 1e-9", "--bandwidth must be from 1e-06 to 1e+06; got 1e-09."),
    ("--bandwidth scot", "--bandwidth must be a number > 0 or scott, silverman or likelihood;"),
    ("--q=-1", "--q must be from 0 to 1e6; got -1.0."),
    ("--top 2", "--top must be from 4 to 1000; got 2."),
    ("--query random", "--query has no meaning for sums over order statistics; leave it out."),
    ("--quantity direct --points 1e9", "Use --quantity sums."),
    ("--quantity direct --points 99.5", "--points must be a whole number here; got 99.5."),
    ("--quantity direct --query random --q 2", "--q has no meaning for a random query; leave it"),
    ("--quantity direct --top 8", "--top has no meaning for data drawn point by point; leave it"),
    ("--quantity spacings --points 1", "--points must be at least 2 for spacings; got 1."),
    ("--quantity spacings --bandwidth 1", "--bandwidth has no meaning for distances; leave it"),
    ("--quantity leave-one-out --points 2", "--points must be from 3 to 8192 for leave-one-out"),
    ("--quantity leave-one-out --q 2", "--q has no meaning for leave-one-out bandwidths; leave"),
    ("--quantity direct --data wine", "--data has no meaning for data drawn point by point;"),
    ("--edges 1", "Unknown option: --edges."),
    ("--whiten", "--whiten has no meaning for random data; leave it out."),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in mistake(capsys, *words.split(), module=MODULE)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = run([sys.executable, "-X", "importtime", "-m", MODULE, "--help"], tmp_path)
    assert done.returncode == 0
    assert "--bandwidth" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "cyclopts" in imported
    assert not imported & {"jax", "scipy", "matplotlib", "dask", "sympy", "sklearn"}


def test_effective_points_of_enormous_samples(capsys: pytest.CaptureFixture[str]) -> None:
    """n = e^300: the fourth power of their number is beyond double precision."""
    words = ("--dimension", 1000, "--points", math.exp(300), "--bandwidth", 1.72, "--samples", 200)
    found = printed(capsys, *words)["estimates"]
    assert math.log(found["effective_points"]["value"]) == pytest.approx(
        -math.log(found["y2"]["value"]), abs=0.1
    )
