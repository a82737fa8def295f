"""`python -m simulations.ntk_classifiers` on data of one's own: files, labels, digits, mistakes."""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from simulations import core
from tests.simulations import commands
from tests.simulations.commands import mistake

core.setup()

MODULE = "simulations.ntk_classifiers"
printed = functools.partial(commands.printed, MODULE)
Z = norm.isf(0.5e-6 / 50)
"""Two-sided 1e-6 for fifty normal statistics together: 5.6."""
Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def sphere(rows: int) -> Array:
    x = np.abs(RNG.standard_normal((rows, 3)))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def test_own_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Labels by a plane: the nearest of 200 points is right but near the plane."""
    x = sphere(300)
    y = np.where(x[:, 0] > x[:, 1], 1, -1)
    np.save("x.npy", x)
    np.save("y.npy", y)
    np.savez("both.npz", points=x, labels=np.where(y > 0, "up", "down"))
    np.savez("three.npz", a=3 * x, b=np.arange(300) % 3)
    words = ("--points", 200, "--test", 50, "--samples", 20)
    one = printed(capsys, *words, "--data", "x.npy", "--labels", "y.npy", "--plot", "x.svg")
    assert one["params"]["dimension"] == 2
    assert one["estimates"]["error@nearest"]["value"] < 0.1
    assert not any("excess" in name for name in one["estimates"])
    (report,) = one["reports"]
    assert report["bayes_risk"] is None
    assert report["consistent"] is None
    assert report["data"] == "x.npy"
    same = printed(capsys, *words, "--data", "both.npz", "--classes", "up,down")
    assert same["estimates"] == one["estimates"]
    other = printed(capsys, *words, "--data", "both.npz", "--classes", "down, up")
    close = other["estimates"]["error@nearest"]["value"]
    assert close == pytest.approx(one["estimates"]["error@nearest"]["value"], abs=0.05)
    words = ("--points", 100, "--test", 50, "--samples", 20)
    noise = printed(
        capsys, *words, "--data", "three.npz", "--classes", "2.0,0", "--normalise", "--depth", 30
    )["estimates"]
    e = noise["error@nngp:30:optimal:2"]
    assert abs(e["value"] - 0.5) < Z * e["stderr"] + 0.1


def test_digits(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    words = ("--data", "digits", "--points", 300, "--test", 50, "--samples", 8)
    words = (*words, "--methods", "limit:optimal:8", "nearest", "majority")
    found = printed(capsys, *words)
    assert found["params"]["dimension"] == 63
    for e in ("error", "error@limit:optimal:8", "error@nearest"):
        assert found["estimates"][e]["value"] < 0.12
    assert found["estimates"]["error@majority"]["value"] > 0.3
    two = printed(capsys, *words, "--classes", "3,8")
    assert two["estimates"]["error"]["value"] < 0.05


def test_digits_without_scikit_learn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    line = mistake(capsys, "--data", "digits", module=MODULE)
    assert "--data digits needs scikit-learn, the extra `data`" in line


def write_files() -> None:
    x = sphere(40)
    y = np.where(np.arange(40) % 2, 1, -1)
    np.save("x.npy", x)
    np.save("y.npy", y)
    for name, labels in {
        "many": np.arange(40) % 4,
        "nan": np.where(np.arange(40) == 3, np.nan, y),
        "short": y[:30],
        "table": np.stack([y, y]),
        "same": np.ones(40),
        "complex": y + 0j,
    }.items():
        np.save(f"y_{name}.npy", labels)
    bad = x.copy()
    bad[4, 1] = np.nan
    np.save("x_nan.npy", bad)
    bad[4] = 0
    np.save("x_zero.npy", bad)
    np.save("x_off.npy", np.where(np.arange(40)[:, None] == 2, 1.5 * x, x))
    np.save("x_line.npy", np.ones((40, 1)))
    np.save("x_vector.npy", np.ones(40))
    np.save("objects.npy", np.array([{}, 1, "x"], dtype=object), allow_pickle=True)
    np.savez("objects.npz", x=x, y=np.array([None] * 40), allow_pickle=True)
    np.savez("two.npz", x=x, z=x)
    np.save("doubled.npy", np.concatenate([x, x]))
    np.save("y_doubled.npy", np.concatenate([y, -y]))
    Path("text.npz").write_text("buy milk\n")
    Path("text.npy").write_text("buy milk\n")
    Path("cut.npz").write_bytes(Path("two.npz").read_bytes()[:300])
    Path("mixing.py").write_text("def mixed(x): return x**2 - 1 + (x**3 - 3 * x)\n")
    np.save("around.npy", np.concatenate([x[:20], -x[20:]]))


FEW = "--points 20 --test 10 --samples 2"
OWN = f"{FEW} --labels y.npy --data"
MISTAKES = [
    (f"{FEW} --data x.npy", "--data x.npy needs its labels: --labels FILE.npy."),
    ("--labels y.npy", "--labels has no meaning for random data; leave it out."),
    ("--normalise", "--normalise has no meaning for random data; leave it out."),
    (f"{OWN} x.npy --prior 0.5", "--prior has no meaning for data of one's own; leave it out."),
    (f"{OWN} x.npy --dimension 3", "--dimension has no meaning for data of one's own; leave it"),
    (f"{OWN} none.npy", "--data: cannot read none.npy: No such file or directory."),
    (f"{OWN} x.csv", '--data must end in .npy or .npz, or be "digits"; got "x.csv".'),
    (f"{OWN} text.npy", "--data: text.npy is not a .npy file; write it with numpy.save from an"),
    (f"{OWN} objects.npy", "--data: objects.npy is an array of Python objects; write it with"),
    (f"{OWN} x_nan.npy", "--data: x_nan.npy holds nan in row 5, column 2."),
    (f"{OWN} x_off.npy", "point 3 of x_off.npy has length 1.5, not 1: --normalise divides rows by"),
    (f"{OWN} x_zero.npy", "--data: point 5 of x_zero.npy has length 0, not 1: leave it out."),
    (f"{OWN} x_zero.npy --normalise", "point 5 of x_zero.npy has length 0, not 1: leave it out."),
    (f"{OWN} x_line.npy", "--data: x_line.npy has points of one coordinate; a sphere needs two."),
    (f"{OWN} x_vector.npy", "x_vector.npy has shape (40,); it must be (points, dimension)."),
    (f"{OWN} two.npz", "--labels has no meaning for a .npz file, which holds them itself."),
    (f"{FEW} --data two.npz", "must hold a matrix of points and a vector of labels, not (40, 3),"),
    (f"{FEW} --data text.npz", "--data: text.npz is no sound .npz file: File is not a zip file."),
    (f"{FEW} --data cut.npz", "--data: cut.npz is no sound .npz file: File is not a zip file."),
    (f"{FEW} --data objects.npz", "objects.npz is no sound .npz file: y.npy holds Python objects."),
    (f"{FEW} --data none.npz", "--data: cannot read none.npz: No such file or directory."),
    (f"{FEW} --data x.npy --labels y_many.npy", "--labels must be +1 and -1; they are 0, 1, 2, 3."),
    (f"{FEW} --data x.npy --labels y_many.npy --classes 0", 'must be two different labels "a,b";'),
    (f"{FEW} --data x.npy --labels y_many.npy --classes 0,7", 'no point has the label "7"; they'),
    (f"{FEW} --data x.npy --labels y_nan.npy", "--labels: label 4 is nan."),
    (f"{FEW} --data x.npy --labels y_short.npy", "there are 30 labels for 40 points."),
    (
        f"{FEW} --data x.npy --labels y_table.npy",
        "y_table.npy holds int64 of shape (2, 40); labels",
    ),
    (f"{FEW} --data x.npy --labels y_complex.npy", "y_complex.npy holds complex128 of shape (40,)"),
    (f"{FEW} --data x.npy --labels y_same.npy", "--data: all 40 points of x.npy belong to one"),
    ("--data x.npy --labels y.npy", "x.npy has 40 points; --points 1000 and --test 200 need 1200."),
    (
        "--points 70 --test 10 --data doubled.npy --labels y_doubled.npy --depth 30",
        "coincide: drop one of them, or use a ridge. See --ridge.",
    ),
    (
        f"{OWN} around.npy --methods limit:mixing:mixed",
        "neither odd nor even: its limit is not known for points with negative correlation;",
    ),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_files()
    assert message in mistake(capsys, *words.split(), module=MODULE)


def test_duplicates_are_handled_by_votes_and_a_ridge(capsys: pytest.CaptureFixture[str]) -> None:
    """All points twice with opposite labels: where both are in the sample they say nothing."""
    write_files()
    words = ("--points", 70, "--test", 10, "--samples", 20, "--data", "doubled.npy")
    words = (*words, "--labels", "y_doubled.npy", "--depth", 30, "--ridge", 0.01)
    for e in printed(capsys, *words)["estimates"].values():
        assert math.isfinite(e["value"])


def test_the_file_s_name_changes_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    write_files()
    Path("copy.npy").write_bytes(Path("x.npy").read_bytes())
    one, two = (
        printed(capsys, *OWN.split(), f)["estimates"]["error"] for f in ("x.npy", "copy.npy")
    )
    assert one == two
