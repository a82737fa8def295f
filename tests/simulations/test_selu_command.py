"""`python -m simulations.selu`: what it prints, users' networks, and one line for every mistake."""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from simulations import cli, core
from tests.simulations import commands
from tests.simulations.commands import ROOT, mistake, run
from theory.selu import given_weights
from theory.weights import read_layers

core.setup()

MODULE = "simulations.selu"
printed = functools.partial(commands.printed, MODULE)
DIGITS = str(ROOT / "examples" / "selu_digits.safetensors")
INPUTS = str(ROOT / "examples" / "selu_digits_inputs.npy")
Z = norm.isf(0.5e-6 / 50)
"""Two-sided 1e-6 for fifty normal statistics together: 5.6."""
Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def assert_predicted(found: dict[str, Any], *names: str) -> None:
    for name in names:
        e = found[name]
        assert abs(e["value"] - e["predicted"]) < Z * e["stderr"] + e.get("error", 0), (name, e)


def selu(z: Array) -> Array:
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543773 * np.expm1(np.minimum(z, 0)))


def forward(h: Array, layers: Any) -> list[Array]:
    found = []
    for weight, bias in layers:
        h = selu(h @ weight.T + bias)
        found.append(h)
    return found


# --- random networks ------------------------------------------------------------------------------


def test_moments(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--width", 32, "--depth", 40, "--samples", 1 << 14)
    found = printed(capsys, *words, "--plot", "a.svg")
    assert "reports" not in found
    e = found["estimates"]
    assert_predicted(e, "second_moment", "mean", "variance", "log_q", "n_var_mean")
    # The expansion's own error estimate; the next term of the variance is of its size.
    for name in ("n_var_q", "slope"):
        assert e[name]["value"] == pytest.approx(e[name]["predicted"], rel=0.1)
    assert e["second_moment"]["limit"] == pytest.approx(1, abs=1e-12)
    assert Path("a.svg").read_text().count("<svg") == 1


@pytest.mark.slow
def test_other_quantities(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--quantity", "initialisation", "--width", 64)
    assert_predicted(found["estimates"], "omega", "tau", "omega_inside", "tau_inside", "inside")
    found = printed(capsys, "--quantity", "neuron", "--keep", 0.9, "--mean", 0.1, "--omega", 0.5)
    assert_predicted(found["estimates"], "mean", "second_moment", "variance")
    assert found["params"]["affine"] == pytest.approx([0.921284516149711, 0.16197097005757])
    found = printed(capsys, "--quantity", "clt", "--width", 64, "--initialisation", "equal")
    assert_predicted(found["estimates"], "mean", "second_moment", "variance", "z_square", "z_cube")


# --- a network of the user's own ------------------------------------------------------------------


def test_the_trained_network(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--weights", DIGITS, "--data", INPUTS, "--plot", "net.png")
    x = np.load(INPUTS).astype(float)
    tensors = {layer.name: layer[1:] for layer in read_layers(DIGITS)}
    assert [w.shape for w, _ in tensors.values()] == [(64, 64)] * 3 + [(10, 64)]
    hidden = forward(x, [*tensors.values()][:3])
    for k, h in enumerate(hidden, start=1):
        e = found["estimates"]
        for name, value in {
            f"mean@{k}": h.mean(),
            f"variance@{k}": h.var(axis=0).mean(),
            f"second_moment@{k}": (h**2).mean(),
        }.items():
            assert abs(e[name]["value"] - value) < Z * e[name]["stderr"]
            assert {"predicted", "independent", "shared"} <= e[name].keys()
        # Sums of pixels are not normal: some per cent, and covariances explain the rest.
        e = e[f"variance@{k}"]
        assert abs(e["predicted"] / e["value"] - 1) < 0.2
        assert abs(e["predicted"] - e["value"]) < 0.4 * abs(e["shared"] - e["value"])
    (report,) = found["reports"]
    first = report["layers"][0]
    assert np.allclose(first["omega"], tensors["fc1.weight"][0].sum(axis=1))
    assert np.allclose(first["tau"], (tensors["fc1.weight"][0] ** 2).sum(axis=1))
    omega, tau = np.array(first["omega"]), np.array(first["tau"])
    inside = (np.abs(omega) <= 0.1) & (tau >= 0.95) & (tau <= 1.1)
    assert first["inside"]["theorem 1"] == inside.mean()
    assert first["inside"]["any"] >= max(v for k, v in first["inside"].items() if k != "any")
    assert next(d["name"] for d in report["domains"]) == "theorem 1"
    assert all(d["boxes"] > 0 for d in report["domains"])
    assert "proves nothing about this network" in report["note"]
    assert Path("net.png").stat().st_size > 10_000


def test_the_table_and_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    w = RNG.standard_normal((7, 5)) / 5**0.5
    np.savez("a.npz", w0=w, b0=np.full(7, 0.3), w1=np.ones((2, 7)))
    np.savez("b.npz", w0=2 * w, w1=np.ones((2, 7)))
    assert cli.main(MODULE, ["--weights", "a.npz", "--samples", "2000"]) == 0
    said = capsys.readouterr().out
    assert "mean@1" in said
    assert "one mean and one variance" in said
    assert "1 w0" in said
    found = printed(capsys, "--sweep", "weights=a.npz,b.npz", "--samples", 2000)
    assert_predicted(found["estimates"], "mean@1[a.npz]", "variance@1[b.npz]")
    assert [r["weights"] for r in found["reports"]] == ["a.npz", "b.npz"]
    assert found["reports"][0]["layers"][0]["bias"] == [0.3] * 7


def test_given_weights_against_a_network() -> None:
    """Orthogonal inputs, exactly normal first layer; the next ones are sums of 40."""
    layers = [
        given_weights.Given(RNG.standard_normal((40, n)) / n**0.5, 0.3 * RNG.standard_normal(40))
        for n in (30, 40, 40)
    ]
    h = RNG.standard_normal((40_000, 30)) * np.linspace(0.5, 1.5, 30) + 0.2
    mean, deviation = np.full(30, 0.2), np.linspace(0.5, 1.5, 30)
    found = given_weights.dependent(layers, mean, np.diag(deviation**2))
    alone = given_weights.independent(layers, mean, deviation**2)
    assert np.allclose(found[0].mean, alone[0].mean, rtol=1e-12)
    assert np.allclose(found[0].variance, alone[0].variance, rtol=1e-12)
    for k, units in enumerate(forward(h, layers)):
        error = np.sqrt(units.var(axis=0) / len(h))
        slack = 0.0 if k == 0 else 0.05
        assert np.all(np.abs(units.mean(axis=0) - found[k].mean) < Z * error + slack)
        assert np.allclose(units.var(axis=0), found[k].variance, rtol=0.05 if k == 0 else 0.15)
    same = given_weights.shared([given_weights.Given(np.eye(3), np.zeros(3))], 0.3, 1.2)
    assert np.ptp(same[0].mean) == 0


def test_a_unit_that_never_changes() -> None:
    layers = [given_weights.Given(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0.5, 0.0]))] * 2
    found = given_weights.dependent(layers, np.zeros(2), np.eye(2))
    assert found[0].mean[0] == pytest.approx(0.5 * 1.0507009873554805)
    assert found[1].variance == pytest.approx([0.0, 0.0], abs=1e-15)


MISTAKES = [
    ("--width 0", "--width must be an integer >= 1; got 0."),
    ("--keep 0", "--keep must be above 0 and at most 1; got 0.0."),
    ("--keep nan", "--keep must be above 0 and at most 1; got nan."),
    ("--keep 0.9 --activation relu", "--keep: alpha dropout is defined for selu, not for relu."),
    ("--activation sellu", "unknown activation 'sellu'. Did you mean 'selu'?"),
    ("--initialisation uniform", "--initialisation uniform has no exact law;"),
    ("--tau-low 2 --quantity initialisation", "--tau-low 2.0 lies above --tau-high 1.1."),
    ("--quantity clt --mean inf", "--mean must be finite; got inf."),
    ("--burn-in=-1", "--burn-in must be an integer >= 0; got -1."),
    ("--data x.npy", "--data has no meaning for networks drawn at random; leave it out."),
    ("--weights none.npz", "--weights: cannot read none.npz: No such file or directory."),
    ("--weights one.npz", "--weights: one.npz holds one layer; a network has at least one hidden"),
    ("--weights net.npz --width 4", "--width has no meaning for weights of one's own; leave it"),
    ("--weights net.npz --keep 0.5", "--keep has no meaning for weights of one's own; leave it"),
    (
        "--weights net.npz --data x.npy",
        "inputs of dimension 4; the first layer of net.npz takes 5.",
    ),
    ("--weights net.npz --data net.npz", "--data: net.npz holds several arrays; write one with"),
    ("--weights net.npz --quantity clt", "--weights has no meaning for clt; leave it out."),
    ("--weights square.npz", "say which by --layout out-in (PyTorch) or in-out (Keras, Flax)."),
    ("--sweep network=abc", '--sweep: "network" is not a parameter.'),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("net.npz", w0=np.ones((3, 5)), w1=np.ones((2, 3)))
    np.savez("one.npz", w0=np.ones((3, 5)), b0=np.ones(3))
    np.savez("square.npz", w0=np.ones((3, 3)), w1=np.ones((3, 3)))
    np.save("x.npy", np.ones((6, 4)))
    assert message in mistake(capsys, *words.split(), module=MODULE)


def test_results_continue_and_do_not_depend_on_the_shards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulations.selu import trained

    monkeypatch.setattr(trained, "STATE_SIZE", 1 << 10)
    np.savez("net.npz", w0=RNG.standard_normal((3, 5)), w1=np.ones((2, 3)))
    Path("copy.npz").write_bytes(Path("net.npz").read_bytes())
    words = ("--weights", "net.npz", "--samples", "2000")
    for part in ("0/2", "1/2"):
        assert cli.main(MODULE, [*words, "--shard", part, "--out", f"{part[0]}.jsonl"]) == 0
    capsys.readouterr()
    merged = printed(capsys, *words, "--resume", "0.jsonl", "--resume", "1.jsonl")["estimates"]
    assert merged == printed(capsys, *words)["estimates"]
    same = printed(capsys, "--weights", "copy.npz", "--samples", 2000)["estimates"]
    assert merged == same  # the name of the file changes no number
    assert all(math.isfinite(e["value"]) for e in merged.values())


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = run([sys.executable, "-X", "importtime", "-m", MODULE, "--help"], tmp_path)
    assert done.returncode == 0
    assert "--weights" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "cyclopts" in imported
    heavy = {"jax", "scipy", "matplotlib", "dask", "sympy", "flint", "safetensors", "sklearn"}
    assert not imported & heavy
