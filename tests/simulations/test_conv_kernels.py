"""Convolutional kernels: designs, eigenvalues and finite networks against literal ones.

Statistical tests use Z standard errors: false alarms have probability 1e-6 for the whole file and a
random seed, as far as means are normal.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulations import cli, core
from simulations.conv_kernels import EIGENVALUE, LEARNING, NETWORK, Params, curve, experiments
from simulations.core import Estimate, Experiment, Job
from simulations.engines import local
from tests.simulations import commands
from tests.simulations.commands import mistake

core.setup()

MODULE = "simulations.conv_kernels"
printed = functools.partial(commands.printed, MODULE)
SEED = int(os.environ.get("DEEPVERDICT_SEED", "6"))
Z = stats.norm.isf(0.5e-6 / 100)
"""Two-sided 1e-6 for a hundred normal statistics together: 5.7."""
Array = np.ndarray[Any, Any]


@functools.cache
def simulate(experiment: Experiment, samples: int, **params: Any) -> Any:
    return core.run([Job(experiment, Params(**params), samples)], SEED)[0]


def assert_is(e: Estimate, value: float, stderr: float = 0.0) -> None:
    assert math.isfinite(e.value)
    assert abs(e.value - value) <= Z * math.hypot(e.stderr, stderr), (e, value, stderr)


def literal_kernel(cosines: Array, sizes: tuple[int, ...], kind: str) -> Array:
    """The recursion as it is written, cosines (..., p)."""
    c = t = cosines
    for children in [*sizes[1:], 1]:
        k0 = (math.pi - np.arccos(np.clip(c, -1, 1))) / math.pi
        k1 = np.sqrt(np.clip(1 - c * c, 0, None)) / math.pi + k0 * c
        c, t = (
            v.reshape(*v.shape[:-1], v.shape[-1] // children, children).mean(-1)
            for v in (k1, k0 * t + k1)
        )
    return np.asarray((c if kind == "rfk" else t).mean(-1))


# --- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "student", "teacher", "level"),
    [((2, 2), "ntk", "ntk", None), ((2, 2), "rfk", "ntk", 1), ((3, 2), "ntk", "rfk", 2)],
)
def test_one_point(sizes: tuple[int, ...], student: str, teacher: str, level: int | None) -> None:
    run = {"patch_sizes": sizes, "student": student, "teacher": teacher, "level": level}
    found = simulate(LEARNING, 500, points=1, test=32, **run)
    # On spheres of R^3 the cosine is uniform.
    if sizes[0] == 2:
        cosine, weight = np.cos(2 * math.pi * (np.arange(400) + 0.5) / 400), np.full(400, 1 / 400)
    else:
        cosine, weight = np.polynomial.legendre.leggauss(200)
        weight = weight / 2
    grid = np.stack(np.meshgrid(cosine, cosine), axis=-1)
    weights = np.outer(weight, weight)
    own = literal_kernel(grid, sizes, student) / (1 if student == "rfk" else len(sizes) + 1)
    teachers = sizes[:level]
    between = literal_kernel(grid, teachers, teacher)
    variance = literal_kernel(np.ones(2), teachers, teacher)
    assert_is(found["error"], np.sum(weights * (variance * (1 + own**2) - 2 * own * between)))
    assert found["ridged"].value == 0


def test_designs_against_drawn_fields() -> None:
    rng, n, test, draws = np.random.default_rng(SEED), 6, 8, 3000
    x = rng.uniform(0, 2 * math.pi, (draws, n + test, 4))
    cosine = np.cos(x[:, :, None] - x[:, None])
    own = literal_kernel(cosine[:, :, :n], (2, 2, 2), "ntk")
    field = literal_kernel(cosine, (2, 2), "ntk") + 1e-12 * np.eye(n + test)
    y = np.linalg.cholesky(field) @ rng.standard_normal((draws, n + test, 1))
    guess = own[:, n:] @ np.linalg.solve(own[:, :n] + 0.1 * np.eye(n), y[:, :n])
    found = np.mean((guess - y[:, n:]) ** 2, axis=(1, 2))
    params = {"patch_sizes": (2, 2, 2), "level": 2, "points": n, "test": test, "ridge": 0.1}
    e = simulate(LEARNING, 300, **params)
    assert_is(e["error"], float(found.mean()), float(found.std()) / math.sqrt(draws))
    assert e["log_error"].value < math.log(e["error"].value)


def test_more_points_teach_more() -> None:
    few, many = (simulate(LEARNING, 32, points=n)["error"].value for n in (16, 64))
    assert many < few / 2
    # The deterministic equivalent of the notes at n = 64, which is 5 to 25 % too low.
    assert 1.0 < many / 0.2914 < 1.3


def test_singular_designs_get_a_ridge(monkeypatch: pytest.MonkeyPatch) -> None:
    uniform = experiments._uniform

    def twice(rng: np.random.Generator, p: Params, count: int) -> Array:
        x = uniform(rng, p, count)
        x[1::2] = x[::2]
        return x

    monkeypatch.setattr(experiments, "_uniform", twice)
    p = Params(points=40, student="rfk", teacher="rfk")
    repeated: Any = core.run([Job(LEARNING, p, 8)], SEED)[0]
    monkeypatch.undo()
    assert repeated["ridged"].value == 1
    half = simulate(LEARNING, 200, points=20, student="rfk", teacher="rfk")["error"]
    assert_is(half, repeated["error"].value, half.stderr * math.sqrt(200 / 8))


@pytest.mark.slow
def test_workers_do_not_change_a_byte() -> None:
    jobs = [Job(LEARNING, Params(points=300, student="rfk", teacher="rfk"), 24)]
    assert core.run(jobs, SEED) == core.run(jobs, SEED, map_blocks=local(2))


# --- eigenvalues ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "kind", "labels", "value"),
    [
        ((2, 2), "rfk", (0, 0), 5.59217453161102e-1),
        ((2, 2), "ntk", (), 2.79592894766353e-1),
        ((2, 2), "rfk", (2, 1), 1.30872561728739e-3),
        ((2, 2), "ntk", (3, 2), 1.59839526566874e-3),
        ((2, 2), "ntk", (5, 5), 1.96588341991823e-4),
        ((3, 2), "rfk", (1, 1), 0.00251941138),
        ((3, 2), "ntk", (2, 1), 0.00336804802),
        ((2,), "ntk", (2,), 0.1576107301103032),
    ],
)
def test_eigenvalues_of_the_notes(
    sizes: tuple[int, ...], kind: str, labels: tuple[int, ...], value: float
) -> None:
    run = {"patch_sizes": sizes, "kind": kind, "labels": labels}
    e = simulate(EIGENVALUE, 3000 if sizes[0] == 2 else 30_000, **run)["eigenvalue"]
    assert_is(e, value)
    assert e.stderr < 0.25 * value


def test_labels_of_two_positions_vanish() -> None:
    e = simulate(EIGENVALUE, 4000, patch_sizes=(2, 2), labels=(1, 0, 2, 0))["eigenvalue"]
    assert abs(e.value) < 1e-14
    one = simulate(EIGENVALUE, 4000, patch_sizes=(2, 2), labels=(1, 0, 0, 0))["eigenvalue"]
    assert_is(one, 2.79592894766353e-1 / 2)


# --- finite networks ------------------------------------------------------------------------------

WIDE = 32
ANGLES = (0.3, 1.0, 2.0, 2.9)


@functools.cache
def literal_network(sizes: tuple[int, ...], width: int, samples: int) -> dict[str, Array]:
    """Networks of numpy, filters and all: one for each sample."""
    rng = np.random.default_rng(SEED)
    x = np.zeros((2, len(ANGLES), sizes[0]))
    x[0, :, 0], x[1, :, 0], x[1, :, 1] = 1, np.cos(ANGLES), np.sin(ANGLES)
    kernels = []
    for _ in range(samples):
        h = x @ rng.standard_normal((sizes[0], width))
        for s in sizes[1:]:
            children = math.sqrt(2) * np.maximum(h, 0).reshape(2, -1, s * width)
            h = children @ rng.standard_normal((s * width, width)) / math.sqrt(s * width)
        a = np.maximum(h, 0)
        kernels.append([2 * np.mean(np.sum(a[0] * a[i], axis=-1)) / width for i in (1, 0)])
    k, own = np.array(kernels).T
    return {
        "rfk": k,
        "rfk_xx": own,
        "rfk_square": k**2,
        "width_var_rfk": width * (k - k.mean()) ** 2 * samples / (samples - 1),
    }


@pytest.mark.parametrize(
    ("sizes", "sampler"),
    [
        ((2, 2), "exact"),
        pytest.param((2, 2), "explicit", marks=pytest.mark.slow),
        pytest.param((3, 1, 2), "exact", marks=pytest.mark.slow),
    ],
)
def test_networks_against_literal_ones(sizes: tuple[int, ...], sampler: str) -> None:
    run = {"patch_sizes": sizes, "angles": ANGLES, "width": 3, "dtype": "float64"}
    found = simulate(NETWORK, 1 << 13, sampler=sampler, **run)
    for name, values in literal_network(sizes, 3, 2000).items():
        stderr = float(values.std()) / math.sqrt(len(values))
        assert_is(found[name], float(values.mean()), stderr)
    assert_is(found["rfk_xx"], 1.0)


def test_wide_networks_have_the_kernel() -> None:
    e = simulate(NETWORK, 1 << 12, width=WIDE, angles=(0.5, 1.0))["rfk"]
    # The bias is below 0.3/width, measured.
    assert abs(e.value - 0.798317947807783) < 0.01 + Z * e.stderr


@pytest.mark.slow
def test_one_layer_is_unbiased() -> None:
    shallow = simulate(NETWORK, 1 << 12, patch_sizes=(2,), width=4, angles=(1.0, 2.0))["rfk"]
    assert_is(shallow, float(literal_kernel(np.cos([[1.0, 2.0]]), (2,), "rfk")[0]))


@pytest.mark.slow
def test_single_precision_changes_little() -> None:
    run = {"patch_sizes": (2, 2), "width": 8}
    one, two = (simulate(NETWORK, 1 << 12, dtype=d, **run)["rfk"] for d in ("float32", "float64"))
    assert_is(one, two.value, two.stderr)


# --- parameters -----------------------------------------------------------------------------------


def test_defaults() -> None:
    p = Params(patch_sizes=(2, 3))
    assert p.degrees == (1, 0, 0)
    assert np.allclose(p.separation, np.pi * np.array([1, 3, 5]) / 6)
    assert p.teacher_sizes == (2, 3)
    assert [q.points for q in curve(Params(points=512))] == [64, 128, 256, 512]
    assert [q.points for q in curve(Params(points=200))] == [100, 200]


WRONG: dict[str, tuple[Experiment, dict[str, Any]]] = {
    "s_1 >= 2": (LEARNING, {"patch_sizes": (1, 2)}),
    "--level must be from 1 to 2; got 3": (LEARNING, {"level": 3}),
    "--ridge must be a finite number >= 0": (LEARNING, {"ridge": math.nan}),
    "--points must be at most 8192": (LEARNING, {"points": 10_000}),
    "--test must be an integer >= 1": (LEARNING, {"test": 0}),
    "--width has no meaning for learning": (LEARNING, {"width": 5}),
    "--labels: one for each patch, a multiple of 2": (EIGENVALUE, {"labels": (1, 2, 3)}),
    "--labels must be degrees >= 0; got -1": (EIGENVALUE, {"labels": (-1, 0)}),
    "need 16384 values of the kernel": (EIGENVALUE, {"labels": (64, 64)}),
    "--student has no meaning for eigenvalues": (EIGENVALUE, {"student": "rfk"}),
    "--angles must be finite": (NETWORK, {"angles": (math.inf, 0)}),
    "at most 16 are taken": (NETWORK, {"patch_sizes": (2,) * 7}),
    "--kind has no meaning for networks": (NETWORK, {"kind": "rfk"}),
}


@pytest.mark.parametrize("message", WRONG)
def test_refused(message: str) -> None:
    experiment, params = WRONG[message]
    with pytest.raises(ValueError, match=message):
        Job(experiment, Params(**params), 1)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_curve(capsys: pytest.CaptureFixture[str], folder: None) -> None:
    words = ("--points", "128", "--level", "1", "--samples", "32")
    found = printed(capsys, *words, "--plot", "curve.svg")["estimates"]
    for n, equivalent in ((64, 0.05628), (128, 0.03319)):
        assert found[f"error[{n}]"]["predicted"] == pytest.approx(equivalent, rel=2e-4)
        assert found[f"error[{n}]"]["value"] == pytest.approx(equivalent, rel=0.15)
    slope = found["slope"]
    assert slope["limit"] == pytest.approx(-0.75)
    assert slope["predicted"] == pytest.approx(math.log2(0.03319 / 0.05628), abs=1e-3)
    assert abs(slope["value"] - slope["predicted"]) < 0.1 + Z * slope["stderr"]
    assert Path("curve.svg").read_text().count("<svg") == 1
    assert cli.main(MODULE, [*words[:-1], "2"]) == 0
    said = capsys.readouterr().out
    assert "equivalent" in said
    assert (
        "n^-0.5 if the dimension of the whole input ruled, n^-1 for a student that knew"
        in " ".join(said.split())
    )


def test_curve_without_a_prediction(capsys: pytest.CaptureFixture[str], folder: None) -> None:
    words = ["--points", "128", "--samples", "2", "--test", "8"]
    for more in (["--ridge", "0.1"], ["--patch-sizes", "3", "2"], ["--patch-sizes", *"22222"]):
        found = printed(capsys, *words, *more)["estimates"]
        assert "predicted" not in found["error[64]"]
        assert "predicted" not in found["slope"]
        assert ("limit" in found["slope"]) == ("--ridge" not in more)
    assert cli.main(MODULE, [*words, "--ridge", "0.1"]) == 0
    assert "no prediction" in capsys.readouterr().out


def test_other_quantities(capsys: pytest.CaptureFixture[str], folder: None) -> None:
    found = printed(capsys, "--quantity", "eigenvalue", "--samples", 4000, "--labels", 2, 2)
    e = found["estimates"]["eigenvalue"]
    assert abs(e["value"] - e["predicted"]) < Z * e["stderr"]
    assert e["predicted"] == pytest.approx(4.43853239782115e-3)
    found = printed(
        capsys, "--quantity", "network", "--samples", 4000, "--width", WIDE, "--angles", 0.5, 1.0
    )  # fmt: skip
    assert found["estimates"]["rfk"]["limit"] == pytest.approx(0.798317947807783)
    own = found["estimates"]["rfk_xx"]
    assert abs(own["value"] - 1) < Z * own["stderr"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--points", 64), "--points must be at least 128 for curve"),
        (("--quantity", "learning", "--width", 3), "--width has no meaning for learning"),
        (("--quantity", "eigenvalue", "--labels", 1), "--labels: one for each patch"),
        (("--patch-sizes", 2, 0), "as in 2 2 2; got (2, 0)"),
        (("--sweep", "points=64,128"), "it is surveyed here"),
        (("--student", "cnn"), "--student"),
    ],
)
def test_mistakes(
    words: tuple[Any, ...], message: str, capsys: pytest.CaptureFixture[str], folder: None
) -> None:
    assert message in mistake(capsys, *words, module=MODULE)
