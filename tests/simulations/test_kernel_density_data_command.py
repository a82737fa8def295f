"""`python -m simulations.kernel_density --data`: what it prints, and one line for every mistake."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections import deque
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import gaussian_kde

from simulations import cli, core
from simulations.arrays import NOTHING, Held
from simulations.kernel_density.coordinates import frame
from simulations.kernel_density.diagnose import DATA, DataParams, with_bandwidth
from simulations.kernel_density.diagnosis import data_report, regime
from simulations.kernel_density.files import read_points
from tests.simulations import commands
from tests.simulations.commands import mistake

core.setup()

MODULE = "simulations.kernel_density"
printed = functools.partial(commands.printed, MODULE)
RNG = np.random.default_rng(11)
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def saved(name: str, x: Any) -> str:
    np.save(name, x)
    return name


def test_json_of_data(capsys: pytest.CaptureFixture[str]) -> None:
    y = RNG.standard_normal((60, 4))
    found = printed(capsys, "--data", saved("y.npy", y), "--bandwidth", 0.5, "--samples", 300)
    assert found["experiment"] == "kernel_density/data"
    report = found["reports"][0]
    r2 = np.sum((y[:, None] - y) ** 2, axis=-1)
    np.fill_diagonal(r2, np.inf)
    logs = logsumexp(-2 * r2, axis=1) - math.log(59) - 2 * math.log(2 * math.pi * 0.25)
    p = np.exp(-2 * r2 - logsumexp(-2 * r2, axis=1)[:, None])
    assert [q["row"] for q in report["queries"]] == list(range(1, 61))
    assert [q["log_density"] for q in report["queries"]] == pytest.approx(list(logs), rel=1e-12)
    assert [q["largest"] for q in report["queries"]] == pytest.approx(list(p.max(axis=1)))
    e = found["estimates"]["log_density"]
    assert abs(e["value"] - logs.mean()) < 6 * e["stderr"]  # 2e-9
    assert report["bandwidths"]["scott"] == pytest.approx(y.std(0, ddof=1).max() * 0.57, rel=0.3)
    overall = report["overall"]
    assert overall["h_clt"] == pytest.approx(math.sqrt(2) * overall["h_glass"])
    assert regime(overall["index"]) in overall["regime"]
    loss = found["estimates"]["loss"]["value"]
    assert (loss > 0.5) == any("bandwidth is too" in w for w in report["warnings"])


def test_table_of_few_queries_and_a_warning_far_away(capsys: pytest.CaptureFixture[str]) -> None:
    y = saved("y.npy", RNG.standard_normal((60, 4)))
    x = saved("x.npy", np.array([[0, 0, 0, 0], [50.0, 0, 0, 0]]))
    words = ["--quantity", "data", "--data", y, "--queries", x, "--bandwidth", "likelihood"]
    assert cli.main(MODULE, [*words, "--samples", "50"]) == 0
    said = capsys.readouterr().out
    assert "row 1 " in said
    assert "row 2 " in said
    assert "1 of 2 queries lie farther from the data" in said
    assert "bandwidth is too" not in said


@pytest.mark.parametrize("whiten", [False, True])
def test_constant_columns_and_copies(whiten: bool, capsys: pytest.CaptureFixture[str]) -> None:
    y = RNG.standard_normal((60, 6))
    y[:, 2] = 3.25
    y[1] = y[0]
    words = ["--whiten"] if whiten else []
    report = printed(capsys, "--data", saved("y.npy", y), "--samples", 400, *words)["reports"][0]
    warnings = " ".join(report["warnings"])
    assert "coincide with a point" in warnings
    expected = "span 5 of 6 dimensions" if whiten else "1 of 6 columns are constant (3)"
    assert expected in warnings
    assert report["dimension"] == 6 - whiten
    assert (report["overall"]["index_if_normal"] is not None) == whiten


def test_equal_points_give_the_kernel_and_no_index(capsys: pytest.CaptureFixture[str]) -> None:
    y = saved("y.npy", np.full((7, 4), 2.0))
    found = printed(capsys, "--data", y, "--bandwidth", 0.5, "--samples", 20)
    e = found["estimates"]
    assert e["log_density"]["value"] == pytest.approx(-2 * math.log(2 * math.pi * 0.25))
    assert e["copies"]["value"] == 1
    assert "index" not in e
    assert found["reports"][0]["overall"]["regime"] == "unknown"
    assert found["reports"][0]["bandwidths"]["likelihood"] is None


@pytest.mark.parametrize("h", [1e-8, 1e8])
def test_ends_of_the_bandwidth(h: float, capsys: pytest.CaptureFixture[str]) -> None:
    """h -> 0: the nearest point alone; h -> inf: all points alike, and the index h^2 times that."""
    y = RNG.standard_normal((60, 5))
    report = printed(capsys, "--data", saved("y.npy", y), "--bandwidth", h)["reports"][0]
    overall, (warning, *more) = report["overall"], reversed(report["warnings"])
    r2 = np.sum((y[:, None] - y) ** 2, axis=-1)
    np.fill_diagonal(r2, np.inf)
    scale = 5 / 2 * math.log(2 * math.pi * h * h)
    if h < 1:
        assert overall["regime"] == "condensed"
        assert overall["y2"] == 1
        logs = -r2.min(axis=1) / (2 * h * h) - math.log(59) - scale
        assert "bandwidth is too small" in warning
        assert len(more) == 1  # few points own the estimate
    else:
        assert overall["regime"] == "normal"
        assert overall["effective"] == pytest.approx(59)
        logs = np.full(60, -scale)
        assert "bandwidth is too large" in warning
        assert not more
    found = [q["log_density"] for q in report["queries"]]
    assert found == pytest.approx(list(logs), rel=1e-12)


def test_points_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    y = RNG.standard_normal((500, 1))
    words = ("--bandwidth", "silverman", "--whiten")
    report = printed(capsys, "--data", saved("y.npy", y), *words)["reports"][0]
    kde = gaussian_kde(y.T, "silverman")
    assert report["bandwidths"]["silverman"] == pytest.approx(kde.factor, rel=1e-14)
    # Of the 500 kernels, one is the query's own.
    own = 1 / math.sqrt(2 * math.pi * kde.covariance[0, 0])
    expected = np.log((500 * kde.pdf(y.T) - own) / 499)
    assert [q["log_density"] for q in report["queries"]] == pytest.approx(list(expected), rel=1e-9)
    assert report["overall"]["regime"] == "normal"
    assert report["overall"]["index_if_normal"] is None  # the estimate is too small on a line


def test_one_point_with_queries(capsys: pytest.CaptureFixture[str]) -> None:
    y, x = saved("y.npy", np.zeros((1, 4))), saved("x.npy", np.array([[0.0] * 4, [1.0] * 4]))
    words = ["--data", y, "--queries", x, "--bandwidth", "0.5", "--samples", "20"]
    assert cli.main(MODULE, words) == 0
    said = capsys.readouterr().out
    assert "1 point in 4 columns; bandwidth 0.5 (given)." in said
    assert "there is only one" in said
    (warning,) = (line for line in said.splitlines() if line.startswith("Warning"))
    assert "coincide with a point: that point's kernel is in the density there" in warning


def test_two_points(capsys: pytest.CaptureFixture[str]) -> None:
    y = saved("y.npy", np.array([[0.0] * 4, [1.0] * 4]))
    found = printed(capsys, "--data", y, "--bandwidth", 2, "--samples", 20)
    expected = -4 / 8 - 2 * math.log(2 * math.pi * 4)
    assert found["estimates"]["log_density"]["value"] == pytest.approx(expected)
    assert found["estimates"]["largest"]["value"] == 1
    # One neighbour at distance 1 in each coordinate: N(0, h^2) is largest there at h = 1.
    best = found["reports"][0]["bandwidths"]["likelihood"]["value"]
    assert best == pytest.approx(1, rel=1e-6)


def test_same_numbers_in_any_block_order_and_from_any_place() -> None:
    y = RNG.standard_normal((60, 4))
    p = DataParams(table=Held([y], source="a.npy"), bandwidth=0.5)
    again = DataParams(table=Held([y.copy()], source="b.npy"), bandwidth=0.5)
    jobs = [core.Job(DATA, q, 9000) for q in (p, again)]
    assert len(jobs[0].blocks()) > 1

    def backwards(tasks: Any) -> Any:
        waiting = deque(tasks)
        while waiting:
            task = waiting.pop()
            yield task, core.compute(task)

    first, second = core.run(jobs, 5, map_blocks=backwards)
    assert first == second
    assert first == core.run(jobs[:1], 5)[0]
    assert "a.npy" not in json.dumps(jobs[0].identity)


def test_memory_of_a_block_does_not_grow_with_the_data() -> None:
    assert {f.name for f in fields(DataParams)} == {
        "table",
        "asked",
        "bandwidth",
        "rule",
        "whiten",
        "optimum",
    }
    small = DataParams(table=Held([RNG.standard_normal((60, 4))]), bandwidth=0.5)
    assert DATA.block_size(small) == 4096


PEAK = """
from simulations import cli
assert cli.main("simulations.kernel_density") == 0
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is Linux's")
def test_memory_of_the_command_does_not_grow_with_a_mapped_file() -> None:
    # Measured: 467 MB, of which 290 for six points; 830 where the pages read stay.  getrusage would
    # report the peak of this process where that is larger: a child starts from it.
    n, d, h = 1_000_000, 100, 0.8
    y = np.lib.format.open_memmap("y.npy", "w+", np.float32, (n, d))
    parts = [slice(start, start + n // 20) for start in range(0, n, n // 20)]
    for part in parts:
        y[part] = RNG.standard_normal((n // 20, d), dtype=np.float32)
    y.flush()
    x = RNG.standard_normal((3, d))
    words = ["--data", "y.npy", "--queries", saved("x.npy", x), "--bandwidth", "0.8"]
    command = [sys.executable, "-c", PEAK, *words, "--samples", "50", "--json"]
    try:
        report, peak = commands.succeed(command, Path.cwd(), 500).rsplit("\n", 2)[:2]
        r2 = [np.sum((x[:, None] - y[part].astype(np.float64)) ** 2, axis=-1) for part in parts]
    finally:
        Path("y.npy").unlink()  # 400 MB
    assert int(peak) < 700_000
    logs = -np.concatenate(r2, axis=1) / (2 * h * h)
    total = logsumexp(logs, axis=1)
    found = json.loads(report)["reports"][0]["queries"]
    expected = total - math.log(n) - d / 2 * math.log(2 * math.pi * h * h)
    # (d + 2) eps of the squares, which are at most 200 in the exponent.
    assert [q["log_density"] for q in found] == pytest.approx(list(expected), rel=1e-12)
    assert [q["largest"] for q in found] == pytest.approx(list(np.exp(logs.max(axis=1) - total)))


SETS = [("wine", 13, 13), ("breast-cancer", 30, 30), ("digits", 64, 61)]


@pytest.mark.parametrize(("name", "columns", "rank"), SETS)
def test_named_data(name: str, columns: int, rank: int) -> None:
    pytest.importorskip("sklearn")
    table = read_points("--data", name)
    assert table.arrays[0].shape[1] == columns
    assert frame(table, True).dimension == rank


@pytest.mark.slow
@pytest.mark.parametrize(("name", "columns", "rank"), SETS)
def test_named_data_is_condensed_at_the_best_bandwidth(name: str, columns: int, rank: int) -> None:
    pytest.importorskip("sklearn")
    table = read_points("--data", name)
    for whiten in (False, True):
        p = with_bandwidth(table, NOTHING, "likelihood", whiten)
        result = core.run([core.Job(DATA, p, 4000)], 1)[0]
        overall = data_report(p, result).record["overall"]
        assert overall["regime"].startswith("condensed")
        assert result["loss"].value == 0
        # Far below the number of columns: that is why (claim C13).
        assert overall["dimension"] < 0.6 * (rank if whiten else columns)


def test_missing_library_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    said = mistake(capsys, "--data", "wine", module=MODULE)
    assert "pip install scikit-learn" in said


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("pickled",)


BAD: dict[str, tuple[Any, str]] = {
    "empty": (np.empty((0, 3)), "has shape (0, 3)"),
    "vector": (np.zeros(3), "has shape (3,)"),
    "cube": (np.zeros((2, 2, 2)), "has shape (2, 2, 2)"),
    "words": (np.array([["a"]]), "holds <U1"),
    "complex": (np.zeros((3, 2), complex), "holds complex128"),
    "nan": (np.array([[0.0, 1], [2, np.nan]]), "holds nan in row 2, column 2"),
    "inf": (np.array([[0.0, -np.inf], [2, 1]]), "holds -inf in row 1, column 2"),
    "huge": (np.array([[0.0, 1e200], [2, 1]]), "holds 1e+200 in row 1, column 2"),
    "pickle": (np.array([[Evil()]], dtype=object), "Python objects"),
    "one": (np.ones((1, 3)), "one point"),
    "equal": (np.ones((4, 3)), "are equal; give --bandwidth a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    x, expected = BAD[name]
    np.save("x.npy", x, allow_pickle=True)
    assert expected in mistake(capsys, "--data", "x.npy", module=MODULE)
    assert not Path("pickled").exists()


def test_other_mistakes_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    y = saved("y.npy", RNG.standard_normal((9, 3)))
    x = saved("x.npy", np.zeros((2, 4)))
    copies = saved("copies.npy", np.repeat(RNG.standard_normal((5, 3)), 2, axis=0))
    Path("text.npy").write_text("1 2 3")
    whole = Path(y).read_bytes()
    Path("cut.npy").write_bytes(whole[:-8])
    cases = [
        (["--quantity", "data"], "needs --data"),
        (["--data", "none.npy"], "cannot read none.npy"),
        (["--data", "."], "cannot read ."),
        (["--data", "text.npy"], "is not a .npy file"),
        (["--data", "cut.npy"], "is not a .npy file"),
        (["--data", y, "--queries", x], "x.npy has 4 columns; y.npy has 3"),
        (["--data", y, "--queries", "none.npy"], "--queries: cannot read none.npy"),
        (["--data", y, "--dimension", 3], "--dimension has no meaning for data of one's own"),
        (["--data", y, "--bandwidth", "nan"], "--bandwidth must be"),
        (["--data", y, "--bandwidth", "0"], "--bandwidth must be"),
        (["--data", y, "--bandwidth", "widest"], "--bandwidth must be"),
        (["--data", copies, "--bandwidth", "likelihood"], "every point has an exact copy"),
        (["--queries", x], "--queries"),
        (["--whiten"], "--whiten"),
        (["--quantity", "direct", "--data", y], "--data has no meaning"),
    ]
    for words, expected in cases:
        assert expected in mistake(capsys, *words, module=MODULE), words
