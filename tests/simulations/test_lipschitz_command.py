"""`python -m simulations.lipschitz`: the sandwich, certificates, margins, mistakes in one line."""

from __future__ import annotations

import functools
import json
import math
import pickle
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulations import core
from simulations.lipschitz import command
from simulations.lipschitz.bracket import bracket_bar, closed, described
from tests.simulations import commands
from tests.simulations.commands import run
from theory.digits import text_down, text_of, text_up, upper_text
from theory.lipschitz.bounds import METHODS, bound
from theory.lipschitz.margins import pair_network
from theory.lipschitz.network import Network

core.setup()

MODULE = "simulations.lipschitz"
Array = np.ndarray[Any, Any]
sampled = functools.partial(commands.printed, MODULE)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def asked(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    """The JSON object that the command prints, and nothing else."""
    assert command.main([*map(str, words), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


def told(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> str:
    """The text that the command prints, in 80 columns."""
    assert command.main([str(w) for w in words]) == code
    said = capsys.readouterr()
    assert said.err == ""
    assert max(map(len, said.out.splitlines())) <= 80
    return said.out


def mistake(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    before = sorted(Path.cwd().rglob("*"))
    assert command.main([str(w) for w in words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert sorted(Path.cwd().rglob("*")) == before
    return said.err.strip()


def weights(seed: int, *widths: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in pairwise(widths)]


def saved(name: str, *matrices: Array) -> str:
    np.savez(name, **{f"layer{k}": w for k, w in enumerate(matrices)})
    return name


# --- the sandwich ------------------------------------------------------------------------------

# Optima, from an independent SDP solver, of random networks of these seeds (relative 2e-7).
REFERENCE = [
    (("--widths", "3,8,2", "--seed", 0), 0.92559513),
    (("--widths", "3,8,2", "--seed", 0, "--activation", "maxmin"), 0.91012473),
    (("--widths", "6-10x2-4", "--seed", 1), 1.87561564),
    (("--widths", "6-10x2-4", "--seed", 1, "--activation", "maxmin"), 2.38691926),
    (("--widths", "6,12,12,4", "--seed", 11, "--activation", "group_sort:3"), 3.1049321),
    (
        ("--widths", "6,12,12,4", "--seed", 11, "--activation", "group_sort", "--groups", 4),
        3.1916501,
    ),
    (("--widths", "5,6,6,3", "--seed", 3, "--activation", "householder:1,2,3"), 3.3898312),
    (("--widths", "4-6x4-2", "--seed", 6, "--residual"), 3.8701784),
    (("--widths", "10,32,1", "--seed", 7, "--norm", "linf"), 3.8058178),
    (("--widths", "3,8,2", "--seed", 0, "--norm", "linf"), 1.86689432),
]


@pytest.mark.parametrize(("words", "optimum"), REFERENCE, ids=[str(r[1]) for r in REFERENCE])
def test_the_sandwich(
    words: tuple[Any, ...], optimum: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, *words, "--samples", 20)
    assert found["certified"]
    # The optimum lies in the bracket, which is at most 1e-4 wide.
    assert found["dual"] <= optimum * (1 + 3e-7)
    assert optimum * (1 - 3e-7) <= found["upper"] <= optimum * (1 + 1.1e-4)
    rounding = 1 + 1e-9
    assert 0 < found["largest_gradient"] <= found["upper"] * rounding
    assert 0 < found["lower"] <= found["upper"]
    assert 0 < found["pattern"] <= found["upper"] * rounding
    assert found["gradient"]["value"] <= found["largest_gradient"]
    assert found["gap"] == pytest.approx(found["upper"] / found["dual"] - 1, abs=1e-12)
    assert found["history"][-1][0] == found["iterations"] > 0


def test_all_methods(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--widths", "3,8,2", "--seed", 0, "--method", "all", "--samples", 5)
    found = asked(capsys, *words, "--activation", "maxmin")
    assert [m["method"] for m in found["methods"]] == list(METHODS)
    by = {m["method"]: m for m in found["methods"]}
    for method, value in {
        "product": 1.6309497265,
        "lambda-only": 1.13535883,
        "nsr-full": 0.91012473,
        "rr": 1.34758868,
        "interior-point": 0.91012473,
        "fgl": 0.9101247343,
    }.items():
        assert by[method]["upper"] == pytest.approx(value, rel=1.1e-4), method
    assert "slopes" in by["eclipse-fast"]["note"]
    certified = [m["upper"] for m in by.values() if m.get("certified")]
    assert found["upper"] == min(certified)
    text = told(capsys, *words)
    assert "eclipse-fast          1.2213192" in text
    assert "nsr-full: method nsr-full is for MaxMin" in text


def test_text_and_lines_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--widths", "6-10x12-4", "--activation", "tanh", "--samples", 0)
    assert text.startswith("6-10x12-4 tanh, normal weights of seed 1; l2.")
    assert re.search(r"Certified: \|f\(x\) - f\(y\)\|_2 <= [\d.]+ \|x - y\|_2", text)
    assert "sampled" not in text
    text = told(capsys, "--widths", "6,10,1", "--norm", "linf", "--samples", 3)
    assert re.search(r"Certified: \|f\(x\) - f\(y\)\| <= [\d.]+\s\|x - y\|_inf", text)


def test_deep_networks_beyond_floats(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("a.npz", **{f"w{k}": 1e150 * w for k, w in enumerate(weights(0, 4, 5, 5, 2))})
    text = told(capsys, "--weights", "a.npz", "--activation", "relu")
    assert re.search(r"certified upper bound +\d\.\d+e\+4\d\d", text)
    found = asked(capsys, "--weights", "a.npz", "--activation", "relu")
    assert found["certified"]
    assert found["upper"] is None
    plain = bound(Network(weights(0, 4, 5, 5, 2)))
    assert found["log10_upper"] == pytest.approx(450 + math.log10(plain.upper), abs=1e-4)


def test_a_network_without_effect(capsys: pytest.CaptureFixture[str]) -> None:
    path = saved("zero.npz", np.zeros((4, 3)), np.ones((2, 4)))
    found = asked(capsys, "--weights", path, "--activation", "relu")
    assert (found["upper"], found["certified"]) == (0.0, True)
    assert "certified upper bound" in told(capsys, "--weights", path, "--activation", "relu")


# --- certificates ------------------------------------------------------------------------------


def test_certificates(capsys: pytest.CaptureFixture[str]) -> None:
    path = saved("net.npz", *weights(2, 5, 8, 8, 3))
    words = ("--weights", path, "--activation", "maxmin")
    found = asked(capsys, *words, "--certificate", "c.npz", "--samples", 0)
    assert found["certificate"] == "c.npz"
    text = told(capsys, *words, "--verify", "c.npz")
    assert re.match(r"Valid: \|f\(x\) - f\(y\)\|_2 <= ", text)
    assert asked(capsys, *words, "--verify", "c.npz")["upper"] == found["upper"]

    other = ("--weights", saved("other.npz", *weights(3, 5, 8, 8, 3)), "--activation", "maxmin")
    assert "another network" in told(capsys, *other, "--verify", "c.npz", code=1)
    wrong = ("--weights", path, "--activation", "group_sort:4", "--verify", "c.npz")
    assert "another network" in told(capsys, *wrong, code=1)

    arrays = dict(np.load("c.npz"))
    np.savez("tight.npz", **(arrays | {"input": 0.998 * arrays["input"]}))
    np.savez("sign.npz", **(arrays | {"multipliers_1": -arrays["multipliers_1"]}))
    Path("cut.npz").write_bytes(Path("c.npz").read_bytes()[:200])
    Path("text.npz").write_text("valid")
    for name in ("tight", "sign", "cut", "text"):
        assert told(capsys, *words, "--verify", f"{name}.npz", code=1).startswith("Not valid: ")
        assert command.main([*words, "--verify", f"{name}.npz", "--json"]) == 1
        record = json.loads(capsys.readouterr().out)
        assert record["valid"] is False
        assert record["reason"]


# --- margins -----------------------------------------------------------------------------------


def test_margins_and_radii(capsys: pytest.CaptureFixture[str]) -> None:
    matrices = weights(4, 5, 12, 3)
    path, rng = saved("net.npz", *matrices), np.random.default_rng(1)
    x, network = rng.standard_normal((40, 5)), Network(matrices)
    np.save("x.npy", x)
    y = network(x).argmax(axis=1)
    y[:10] = (y[:10] + 1) % 3
    np.save("y.npy", y)
    words = ("--weights", path, "--activation", "relu", "--margin", "--inputs", "x.npy")
    found = asked(capsys, *words, "--labels", "y.npy", "--samples", 5)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        pair = bound(pair_network(network, i, j))
        assert found["margins"]["upper"][i][j] == pytest.approx(pair.upper, rel=3e-4)
        assert found["margins"]["upper"][j][i] == found["margins"]["upper"][i][j]
        assert found["margins"]["dual"][i][j] <= pair.upper
    radii = found["radii"]
    assert radii["accuracy"] == 0.75
    assert len(radii["radii"]) == 40
    # No point nearer than the radius has another label, in 200 directions each.
    for row, label, radius in zip(x, radii["predicted"], radii["radii"], strict=True):
        d = rng.standard_normal((200, 5))
        near = row + 0.999 * radius * d / np.linalg.norm(d, axis=1, keepdims=True)
        assert set(network(near).argmax(axis=1)) == {label}
    text = " ".join(told(capsys, *words, "--labels", "y.npy").split())
    assert "3 of 3 pairs certified" in text
    assert "75 % of the labels are right" in text
    assert "radius" in told(capsys, *words)


def test_margins_of_many_labels(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--widths", "4,6,12", "--margin", "--tolerance", 1e-2, "--samples", 0)
    assert "66 of 66 pairs certified" in text
    assert re.search(r"label +least +with +largest +with", text)


# --- mistakes ----------------------------------------------------------------------------------

MISTAKES = [
    ("", "give a network: --weights FILE, or --widths for a random one"),
    ("--weights no.npz --activation relu", "--weights: cannot read no.npz: No such file"),
    ("--weights net.npz", "does not say which activation follows its layers"),
    ("--weights net.npz --activation rellu", "unknown activation 'rellu'"),
    ("--weights net.npz --activation relu --widths 3,4", "--widths has no meaning for a network"),
    ("--weights net.npz --activation relu --law sparse", "--law has no meaning for a network"),
    ("--weights net.npz --activation group_sort --groups 3", "units cannot be split into groups"),
    ("--weights net.npz --activation group_sort --groups 0", "--groups must be an integer >= 1"),
    ("--weights nan.npz --activation relu", "nan.npz holds nan in"),
    ("--weights objects.npz --activation relu", "objects.npz is no sound .npz file of numbers"),
    ("--weights broken.npz --activation relu", "broken.npz holds no chain of layers"),
    ("--weights a.pt --activation relu", "may hold Python pickles, which are never loaded"),
    ("--weights . --activation relu", "--weights must end in .safetensors, .npz, .mat or .onnx"),
    ("--widths 3", "--widths must be whole numbers, as in 64,128,10"),
    ("--widths 3,x,2", "--widths must be whole numbers"),
    ("--widths 3,5,2 --activation maxmin", "5 units cannot be split into groups of 2"),
    ("--widths 3,4,2 --layout out-in", "--layout has no meaning for random networks"),
    ("--widths 3,4,2 --residual", "--residual needs three layers at least."),
    ("--widths 3,4,5,2 --residual", "residual block 1 of 1"),
    ("--widths 3,4,2 --method lipspd", "--method must be auto, all or some of product"),
    ("--widths 3,4,2 --method fgl,fgl", "--method names one twice"),
    ("--widths 3,4,2 --method rr", "is for MaxMin, GroupSort and Householder"),
    ("--widths 3,4,2 --method nsr-full", "is for MaxMin, GroupSort and Householder"),
    ("--widths 3,4,2 --norm l1", 'Invalid value "l1" for --norm. Choose from: "l2", "linf".'),
    ("--widths 3,4,2 --tolerance -1", "--tolerance must be above 0 and below 1; got -1.0."),
    ("--widths 3,4,2 --tolerance nan", "--tolerance must be above 0 and below 1; got nan."),
    ("--widths 3,4,2 --tolerance 1", "--tolerance must be above 0 and below 1; got 1.0."),
    ("--widths 3,4,2 --samples -1", "--samples must be an integer >= 0; got -1."),
    ("--widths 3,4,2 --seed -1", "seed must be an integer from 0"),
    ("--widths 3,4,1 --margin", "margins are differences of two logits; this network has one."),
    ("--widths 3,4,2 --labels y.npy", "--labels needs --margin and --inputs."),
    ("--widths 3,4,2 --inputs none.npy", "--inputs: cannot read none.npy"),
    ("--widths 4,4,2 --inputs x.npy", "x.npy has inputs of dimension 3; the network takes 4."),
    (
        "--widths 3,4,2 --margin --inputs x.npy --labels x.npy",
        "x.npy has shape (2, 3); there are 2",
    ),
    ("--widths 3,4,2 --margin --inputs x.npy --labels y.npy", "holds 2; labels are whole numbers"),
    ("--widths 3,4,2 --certificate c.txt", '--certificate must end in .npz; got "c.txt".'),
    ("--widths 3,4,2 --certificate a/c.npz", "--certificate: the folder"),
    ("--widths 3,4,2 --verify none.npz", "--verify: cannot read none.npz: no such file."),
    ("--widths 3,4,2 --verify net.npz --margin", "--verify checks a certificate and nothing else"),
    ("--widhts 3", "Unknown option: --widhts. Did you mean --widths?"),
    ("--quantity bond", 'Invalid value "bond" for --quantity.'),
    ("--quantity gradient --tolerance 1", "Unknown option: --tolerance."),
    ("--quantity=constraint --mutant tau", "--mutant tau has no meaning for relu"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    saved("net.npz", *weights(0, 3, 4, 2))
    saved("nan.npz", np.full((4, 3), np.nan), np.ones((2, 4)))
    saved("broken.npz", np.ones((4, 3)), np.ones((2, 5)))
    np.savez("objects.npz", w=np.array([{}], dtype=object))
    Path("a.pt").write_bytes(pickle.dumps([1]))
    np.save("x.npy", np.zeros((2, 3)))
    np.save("y.npy", np.array([0, 2]))
    assert message in mistake(capsys, *words.split())


def test_transposed_matrices_are_the_same_network(capsys: pytest.CaptureFixture[str]) -> None:
    matrices = weights(0, 3, 4, 2)
    files = saved("a.npz", *matrices), saved("b.npz", *(w.T for w in matrices))
    words = ("--activation", "relu", "--samples", 0)
    a, b = (asked(capsys, "--weights", file, *words) for file in files)
    assert a["network"]["digest"] == b["network"]["digest"]
    square = saved("c.npz", np.eye(3), np.ones((3, 3)))
    assert "say which by --layout" in mistake(capsys, "--weights", square, *words)


# --- the other quantities, help, progress --------------------------------------------------------


def test_simulations(capsys: pytest.CaptureFixture[str]) -> None:
    found = sampled(capsys, "--quantity", "constraint", "--mutant", "coupled", "--samples", 2000)
    assert found["estimates"]["least"]["value"] < -0.01
    (report,) = found["reports"]
    assert report["holds"] is False
    assert report["violations"] == round(2000 * found["estimates"]["violations"]["value"])
    assert len(report["worst pair"]["v"]) == 2
    words = ["--quantity", "constraint", "--activation", "group_sort:3", "--samples", "2000"]
    assert command.main(words) == 0
    assert "No violation among 2000 pairs" in capsys.readouterr().out
    sweep = ("--sweep", "widths=4-6-2,4-8-2", "--samples", 50)
    found = sampled(capsys, "--quantity", "gradient", *sweep)
    assert found["estimates"]["largest[4-6-2]"]["value"] > 0
    saved("net.npz", *weights(0, 3, 8, 2))
    words = ["--quantity", "pairs", "--weights", "net.npz", "--activation", "relu", "--json"]
    assert command.main(words) == 0
    largest = json.loads(capsys.readouterr().out)["estimates"]["largest"]["value"]
    assert 0.3 < largest <= 0.92559513


def test_help_is_light_and_names_every_method(tmp_path: Path) -> None:
    said = commands.succeed([sys.executable, "-m", MODULE, "--help"], tmp_path)
    assert "--verify" in said
    text = " ".join(re.sub(r"[│\n]", " ", said).split())
    for name in METHODS:
        assert name in text
    said = commands.succeed([sys.executable, "-m", MODULE, "--quantity=pairs", "--help"], tmp_path)
    assert "--increment" in said
    check = f"import sys, {MODULE}.command; print({{'jax', 'scipy', 'rich'}} & set(sys.modules))"
    assert run([sys.executable, "-c", check], tmp_path).stdout.strip() in ("set()", "{'rich'}")


def test_numbers_are_rounded_to_the_safe_side() -> None:
    assert (text_up(0.3333, 2), text_down(0.3333, 2)) == ("0.34", "0.33")
    assert (text_up(0.1, 4), text_down(0.1, 4)) == ("0.1001", "0.1")  # 0.1 is a little above 1/10
    assert (text_up(2.0, 8), text_up(math.inf, 8), text_up(0.0, 8)) == ("2", "inf", "0")
    assert text_up(123456.7, 4) == "1.235e+5"
    assert text_of(1000 * math.log(10)) == "1.0000000e+1000"
    assert (text_of(-math.inf), text_of(math.nan), text_of(math.log(2))) == ("0", "", "2")
    assert upper_text(1.25, math.log(1.25)) == "1.25"
    log = 1000 * math.log(10)
    assert 1 <= float(upper_text(math.inf, log).partition("e")[0]) <= 1.0000001
    assert upper_text(math.inf, log + 1e-9, 6) == "1.00001e+1000"
    assert upper_text(math.inf, math.inf) == "inf"
    assert upper_text(0.0, -math.inf) == "0"


def test_the_bracket(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert closed(0.0, math.inf, 1e-4) == 0
    assert closed(0.0, 1e-2, 1e-4) == pytest.approx(0.5)
    assert closed(3.0, 3.0, 1e-4) == 1
    assert described(math.log(2), math.log(2.002)) == "2 to 2.002, gap 1.0e-03"
    assert described(0.0, math.inf) == "from 1"
    monkeypatch.setattr("simulations.lipschitz.bracket.LINE_EVERY", 0.0)
    with bracket_bar(1e-4) as show:
        show("lipsdp")(20, 0.0, math.log(1.01))
    assert capsys.readouterr().err == "lipsdp: iteration 20, 1 to 1.01, gap 1.0e-02\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with bracket_bar(1e-4) as show:
        show("lipsdp")(20, 0.0, math.log(1.01))
    assert "gap 1.0e-02" in capsys.readouterr().err
