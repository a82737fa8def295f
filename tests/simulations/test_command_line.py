"""The command line of simulations: what it prints, and one line for every mistake."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulations import cli, core
from simulations.cli import bare_resume, parse_shard
from tests.simulations.commands import TWIN, environment, mistake, networks, run, succeed, toy

core.setup()

SMALL = ("--width", "4", "--depth", "8", "--samples", "1000")
TOY = "tests.simulations.toy_twin"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


MISTAKES = [
    ("--width -1", "--width must be an integer >= 1; got -1."),
    ("--width 0", "--width must be an integer >= 1; got 0."),
    ("--width 2.5", '--width: "2.5" is not an integer.'),
    ("--width", "--width requires an argument"),
    ("--depth 0", "--depth must be an integer >= 1; got 0."),
    ("--samples 0 --width 4", "samples must be an integer >= 1; got 0."),
    ("--samples -5 --width 4", "samples must be an integer >= 1; got -5."),
    ("--samples 1e6", '"1e6" is not an integer'),
    ("--samples 999999999999999999 --width 4", "samples must be at most"),
    ("--widht 4", "Unknown option: --widht. Did you mean --width?"),
    ("4", "Unused Tokens: ['4']."),
    ("--time nan", "--time must be a finite number > 0; got nan."),
    ("--time inf", "--time must be a finite number > 0; got inf."),
    ("--time -1", "--time must be a finite number > 0; got -1.0."),
    ("--time one", 'unable to convert "one" into float'),
    ("--q0 0", "--q0 must be a finite number > 0; got 0.0."),
    ("--q0 nan", "--q0 must be a finite number > 0; got nan."),
    ("--start nan", "--start must be finite; got nan."),
    ("--dtype float16", 'Invalid value "float16" for --dtype. Choose from: "float32", "float64".'),
    ("--sampler fast", 'Invalid value "fast" for --sampler.'),
    ("--records 0", "--records must be an integer >= 1; got 0."),
    ("--records 3 --depth 8", "--depth must be a multiple of 6 for 3 records; got 8."),
    ("--activation rellu --width 4", "unknown activation 'rellu'. Did you mean 'relu'?"),
    ("--activation nowhere:f --width 4", "cannot import 'nowhere'"),
    ("--workers 0", "workers must be >= 1; got 0."),
    ("--seed -1", "seed must be an integer from 0 to 2**63 - 1; got -1."),
    ("--seed 9223372036854775808", "seed must be an integer from 0 to 2**63 - 1"),
    ("--seed x", '--seed: "x" is not an integer.'),
    ("--shard 0/2", "--shard needs --out FILE to keep its blocks in."),
    ("--shard 2/2 --out a", '--shard must be i/k with 0 <= i < k, as in 0/4; got "2/2".'),
    ("--shard half --out a", 'as in 0/4; got "half".'),
    ("--shard=-1/2 --out a", 'got "-1/2".'),
    ("--resume", "--resume needs the results file to continue, or --out FILE."),
    ("--resume --width 4", "--resume needs the results file to continue, or --out FILE."),
    ("--resume absent --plot a.gif", '--plot must end in .svg, .pdf or .png; got "a.gif".'),
    ("--resume absent --seed -1", "seed must be"),
    ("--plot a.gif", '--plot must end in .svg, .pdf or .png; got "a.gif".'),
    ("--plot nowhere/a.svg", "nowhere does not exist."),
    ("--edges 1", "Unknown option: --edges"),
    ("--quantity norm", 'Invalid value "norm" for --quantity. Choose from: "log_ratio", "active"'),
    ("--direction up", 'Invalid value "up" for --direction.'),
    ("--direction ones --width 4", "--direction has no meaning for log_ratio and active; leave it"),
    ("--quantity pre_norm --correlation 0.5", "--correlation has no meaning for pre_norm; leave"),
    ("--quantity tangent --correlation 0.5", "--correlation has no meaning for tangent; leave it"),
    ("--quantity correlation --direction ones", "--direction has no meaning for correlation;"),
    ("--quantity correlation --start 1", "--start has no meaning for correlation; leave it out."),
    ("--quantity correlation --correlation 2", "--correlation must be from -1 to 1; got 2.0."),
    ("--quantity correlation --correlation nan", "--correlation must be from -1 to 1; got nan."),
    ("--quantity pre_norm --start 0", "--start must not be 0 for pre_norm"),
    ("--quantity determinant --width 50", "--width must be at most 16 for determinant or gradient"),
    ("--quantity gradient --sampler explicit --width 50", "--width must be at most 16 for determ"),
    ("--quantity gradient --records 2 --width 4", "--records has no meaning for gradient by its"),
    ("--quantity gradient --depth 9999999 --width 4", "--depth 9999999 is too much for a gradient"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in mistake(capsys, *words.split())


def test_results_file_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("notes").write_text("buy milk\n")
    Path("file").touch()
    for words, message in [
        ("--resume notes", "notes, line 1: is not a results file of deepverdict; pass another"),
        ("--out notes", "notes exists already; continue it with --resume, or pass another --out."),
        ("--resume .", ". is not a file; pass another --out."),
        ("--out file/a.jsonl", "cannot write file/a.jsonl: "),
        ("--out b --resume absent", "cannot read absent: No such file or directory."),
    ]:
        assert message in mistake(capsys, *SMALL, *words.split())
    assert Path("notes").read_text() == "buy milk\n"


def test_results_file_of_other_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--size", "32", "--out", "a"]) == 0
    capsys.readouterr()
    before = Path("a").read_bytes()
    for words, message in [
        ("--size 64", "Error: a holds size 32; pass the same parameters or another --out."),
        ("--size 32 --mean 1", "Error: a holds mean 0; pass the same parameters"),
        ("--size 32 --seed 2", "Error: a holds seed 1; pass the same parameters"),
        ("", "Error: a holds 1 set(s) of parameters, not 2; pass"),
        ("--size 32 --samples 999", "Error: a holds 1000 samples, more than the 999 asked for;"),
    ]:
        assert mistake(capsys, "--resume", "a", *words.split(), module=TOY).startswith(message)
    said = mistake(capsys, *SMALL, "--resume", "a")
    assert said.startswith("Error: a holds experiment toy;")
    assert Path("a").read_bytes() == before


def test_first_block_that_fails_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--size", 3, "--trap", "nan", "--out", "a", "--plot", "a.svg")
    said = mistake(capsys, *words, module=TOY)
    assert said.startswith("Error: x is not finite in block 0 of toy (size 3, trap nan): ")


def test_activation_that_returns_nan(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def root(x):\n    return x**0.5\n\ndef late(x):\n    return (81 - x * x) ** 0.5\n"
    Path("my_bad_activation.py").write_text(text)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    said = mistake(capsys, *SMALL, "--activation", "my_bad_activation:root")
    assert said.startswith("Error: activation 'my_bad_activation:root'")
    words = (*SMALL, "--activation", "my_bad_activation:late", "--q0", "100", "--out", "a")
    said = mistake(capsys, *words)
    assert "is not finite in block 0 of depth_limit/paths (" in said
    assert "activation my_bad_activation:late" in said


def test_memory_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    def hungry() -> None:
        raise MemoryError

    assert cli.guarded(hungry) == 2
    assert capsys.readouterr().err == "Error: out of memory; try a smaller --width.\n"


def test_defect_is_exit_code_4_and_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--size", "3", "--trap", "error"]) == 4
    said = capsys.readouterr().err
    assert "LookupError: a defect of ours" in said
    assert said.endswith("Internal error; please report it with the lines above.\n")


# --- small parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("--resume --out a", "--resume a --out a"),
        ("--out a --resume", "--out a --resume a"),
        ("--out=a --resume", "--out a --resume a"),
        ("--resume b --out a", "--resume b --out a"),
        ("--resume a --resume b", "--resume a --resume b"),
        ("--width 4", "--width 4"),
        ("--out", "--out"),
        ("", ""),
    ],
)
def test_bare_resume(words: str, meant: str) -> None:
    assert bare_resume(words.split()) == meant.split()


def test_shards() -> None:
    assert parse_shard(None) == (0, 1)
    assert parse_shard("3/4") == (3, 4)


def test_undefined_numbers_are_null() -> None:
    estimate = core.Estimate(math.nan, math.inf, 0)
    assert cli.described(estimate) == {"value": None, "stderr": None, "samples": 0}


# --- what is printed ------------------------------------------------------------------------------


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_json_of_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TWIN, [*SMALL, "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.count("\n") == 1
    record = strict(said.out)
    keys = {"experiment", "params", "seed", "samples", "seconds", "estimates", "versions"}
    assert record.keys() == keys
    assert record["experiment"] == "depth_limit/paths"
    assert record["params"]["width"] == 4
    assert record["params"]["activation"] == "relu"
    assert (record["seed"], record["samples"]) == (1, 1000)
    estimate = record["estimates"]["log_ratio_limit"]
    assert {"value", "stderr", "samples", "predicted"} <= estimate.keys()
    assert "limit" in record["estimates"]["log_ratio"]
    assert {"python", "jax", "numpy", "device", "deepverdict"} <= record["versions"].keys()


QUANTITIES = {
    "log_ratio": ("paths", "log_ratio_limit"),
    "active": ("paths", "active_count_limit"),
    "pre_norm": ("pre_norm", "log_pre_norm_limit"),
    "tangent": ("tangent", "tangent_limit"),
    "gradient": ("gradient", "gradient"),
    "gradient --sampler explicit": ("jacobian", "gradient"),
    "determinant": ("jacobian", "log_det_limit"),
    "correlation": ("correlation", "correlation_limit"),
}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity(quantity: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--quantity", *quantity.split(), "--width", "2", "--depth", "8", "--samples", "1000"]
    assert cli.main(TWIN, [*words, "--json", "--plot", "a.svg"]) == 0
    record = strict(capsys.readouterr().out)
    experiment, headline = QUANTITIES[quantity]
    assert record["experiment"] == f"depth_limit/{experiment}"
    assert math.isfinite(record["estimates"][headline]["value"])
    if headline in ("log_pre_norm_limit", "tangent_limit"):
        assert record["estimates"][headline]["predicted"] == 0
    if quantity == "determinant":
        predicted = record["estimates"][headline]["predicted"]
        assert predicted == pytest.approx(-0.25 * 0.75 * (4 / 3 + 1.3063) / 2, abs=2e-3)
    assert Path("a.svg").exists()


def test_active_is_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for quantity in ("log_ratio", "active"):
        assert cli.main(TWIN, [*SMALL, "--json", "--quantity", quantity]) == 0
        said.append(strict(capsys.readouterr().out)["estimates"])
    assert said[0] == said[1]


@pytest.mark.slow
def test_survey_of_a_quantity(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--quantity", "determinant", "--depth", "8", "--samples", "500", "--plot", "a.svg")
    assert cli.main(TWIN, words) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:4] == ["width", "depth", "log", "det"]
    assert [row[0] for row in rows[1:-1]] == ["1", "2", "3", "4", "6", "10"]
    assert Path("a.svg").exists()


def test_json_of_a_survey_and_of_a_law(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--json", "--samples", "1"]) == 0
    record = strict(capsys.readouterr().out)
    assert record["estimates"].keys() == {"x[1]", "law[1]", "x[2]", "law[2]"}
    assert record["params"]["size"] == [1, 2]
    assert record["params"]["block"] == [64, 128]  # it differs from job to job
    assert record["params"]["mean"] == 0
    assert record["estimates"]["x[1]"]["stderr"] is None
    assert record["estimates"]["x[1]"]["predicted"] == 0
    law = record["estimates"]["law[2]"]
    assert sum(law["counts"]) == 1
    assert len(law["counts"]) == len(law["edges"]) + 1


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--size", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["estimate", "measured", "+-", "predicted", "limit"]
    assert lines[1].split()[0] == "x"
    assert lines[-1].startswith("1000 samples each, seed 1, ")
    assert cli.main(TOY, []) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["size", "x"]
    assert len(lines) == 4


def test_same_run_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for words in (["--out", "a"], ["--resume", "a"], ["--out", "b", "--resume"], []):
        assert cli.main(TOY, ["--size", "3", *words]) == 0
        printed.append(capsys.readouterr().out.splitlines()[:-1])
    assert all(p == printed[0] for p in printed)
    assert Path("a").read_bytes() == Path("b").read_bytes()


def test_starting_a_file_by_resume_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(TOY, ["--resume", "a"]) == 0
    assert capsys.readouterr().err == "a does not exist yet; starting it.\n"
    assert cli.main(TOY, ["--resume", "a"]) == 0
    assert capsys.readouterr().err == ""


def test_progress_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "LINE_EVERY", 0.0)
    assert cli.main(TOY, ["--size", "3", "--samples", "128"]) == 0
    assert capsys.readouterr().err == "toy: 50 %\ntoy: 100 %\n"


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_plots(suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    plot = Path(f"a.{suffix}")
    seen = []
    for _ in range(2):
        for words in ([], ["--size", "3"]):
            assert cli.main(TOY, [*words, "--plot", str(plot)]) == 0
            seen.append(plot.read_bytes())
    assert seen[0] == seen[2]  # no date, no random names
    assert seen[1] == seen[3]
    assert seen[0].startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[suffix])
    assert [p.name for p in Path.cwd().iterdir()] == [plot.name]


def test_plot_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.svg").mkdir()
    assert cli.main(TOY, ["--plot", "a.svg"]) == 2
    assert capsys.readouterr().err == "Error: cannot write a.svg: Is a directory.\n"
    assert [p.name for p in Path.cwd().iterdir()] == ["a.svg"]


# --- processes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [TWIN, "simulations.commutation"])
def test_help_imports_nothing_heavy(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    done = run(command, tmp_path)
    assert done.returncode == 0
    assert "--width" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "cyclopts" in imported
    assert not imported & {"jax", "jaxlib", "scipy", "matplotlib", "dask", "distributed", "sympy"}


@pytest.mark.slow
def test_command_of_the_guide(tmp_path: Path) -> None:
    said = succeed(networks(*SMALL, "--plot", "a.svg"), tmp_path)
    assert "log_ratio_limit" in said
    assert (tmp_path / "a.svg").exists()


def test_reader_that_leaves_early(tmp_path: Path) -> None:
    for reader in (["head", "-1"], ["true"]):
        with subprocess.Popen(
            toy("--size", 3),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            subprocess.run(reader, stdin=process.stdout, stdout=subprocess.DEVNULL, check=True)
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode in (0, 141)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk_behind_stdout(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            toy("--size", 3),
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"Error: cannot write the output: No space left on device.\n"


@pytest.mark.slow
def test_run_without_options(tmp_path: Path) -> None:
    said = succeed(networks(), tmp_path, timeout=300)
    rows = [line.split() for line in said.splitlines()]
    assert [row[0] for row in rows[1:8]] == ["1", "2", "3", "4", "6", "10", "50"]
    assert list(tmp_path.iterdir()) == []
