"""`python -m figures`: selection, stored results, files, messages and what --help imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from figures import core
from figures.__main__ import main
from figures.core import Drawing
from simulations.core import Estimate, Job, Result
from tests.simulations import commands, toy_twin
from tests.simulations.toy_twin import TOY, Params

NEAR, FAR, BOTH = (Params(mean=m) for m in (1.0, 5.0, 9.0))


def dots(results: Sequence[Result]) -> Figure:
    figure = Figure()
    values = [e.value for r in results for e in [r["x"]] if isinstance(e, Estimate)]
    figure.subplots().plot(values, "o")
    return figure


FIGURES = (
    Drawing("near", "Near.", (Job(TOY, NEAR, 100), Job(TOY, BOTH, 64)), dots),
    Drawing("far", "Far.", (Job(TOY, FAR, 100), Job(TOY, BOTH, 64)), dots),
)


@pytest.fixture(autouse=True)
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Params]:
    """An own folder, a toy subject, and the parameters of every block computed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "SUBJECTS", ("toy", "other"))
    module = SimpleNamespace(FIGURES=FIGURES)
    monkeypatch.setitem(sys.modules, "figures.toy", module)
    monkeypatch.setitem(sys.modules, "figures.other", module)
    computed: list[Params] = []
    spring = toy_twin._spring

    def recorded(p: Params) -> None:
        computed.append(p)
        spring(p)

    monkeypatch.setattr(toy_twin, "_spring", recorded)
    return computed


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistake gets."""
    code, out, err = said(capsys, *words)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_draws_all_figures_and_simulates_shared_jobs_once(
    capsys: pytest.CaptureFixture[str], blocks: list[Params]
) -> None:
    code, out, _ = said(capsys, "toy")
    assert code == 0
    assert out.splitlines() == [
        "runs/figures/near.svg", "    Near.", "runs/figures/far.svg", "    Far.",
        "runs/figures/index.html",
    ]  # fmt: skip
    # Each job is computed once more with one sample, to compile it.
    assert sorted(p.mean for p in blocks) == [1, 1, 1, 5, 5, 5, 9, 9]
    assert {p.name for p in Path("runs/figures").iterdir()} == {
        "near.svg", "far.svg", "toy.jsonl", "index.html",
    }  # fmt: skip


def test_stored_results_are_drawn_again_without_simulating(
    capsys: pytest.CaptureFixture[str], blocks: list[Params]
) -> None:
    said(capsys, "toy/far")
    before = {p.name: p.read_bytes() for p in Path("runs/figures").iterdir()}
    assert "near.svg" not in before
    blocks.clear()
    code, out, _ = said(capsys, "toy", "--format", "png", "--out", "a/b")
    assert code == 0
    assert out.splitlines()[::2] == ["a/b/near.png", "a/b/far.png", "a/b/index.html"]
    said(capsys, "toy")
    assert not blocks
    del before["index.html"]  # it shows both figures now
    for name, content in before.items():
        assert Path("runs/figures", name).read_bytes() == content


def test_figures_without_jobs_wait_for_no_simulation(
    capsys: pytest.CaptureFixture[str], blocks: list[Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    sketch = Drawing("sketch", "Sketch.", (), dots)
    monkeypatch.setitem(sys.modules, "figures.toy", SimpleNamespace(FIGURES=(*FIGURES, sketch)))
    assert said(capsys, "toy/sketch")[0] == 0
    assert not blocks
    assert {p.name for p in Path("runs/figures").iterdir()} == {"sketch.svg", "index.html"}


def test_a_folder_that_cannot_be_written_costs_nothing(
    capsys: pytest.CaptureFixture[str], blocks: list[Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    message = refused(capsys, "toy", "--out", "here")
    assert message == "Error: --out: cannot write to the folder here: Permission denied.\n"
    assert not blocks


def test_results_of_another_run_are_refused_until_forgotten(
    capsys: pytest.CaptureFixture[str], blocks: list[Params]
) -> None:
    said(capsys, "toy")
    store = Path("runs/figures/toy.jsonl")
    kept = store.read_bytes()
    message = refused(capsys, "toy", "--seed", "2")
    assert message == (
        "Error: runs/figures/toy.jsonl holds seed 1; pass the same parameters or --fresh or "
        "another --store.\n"
    )
    assert store.read_bytes() == kept
    assert said(capsys, "toy", "--seed", "2", "--store", "two.jsonl")[0] == 0
    assert store.read_bytes() == kept
    assert said(capsys, "toy", "--seed", "2", "--fresh")[0] == 0
    assert store.read_bytes() == Path("two.jsonl").read_bytes()
    store.write_text("no results\n")
    assert "is not a results file of deepverdict; pass --fresh or" in refused(capsys, "toy")


def test_a_changed_plan_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "toy")
    changed = (Drawing("near", "Near.", (Job(TOY, Params(mean=2.0), 100),), dots), FIGURES[1])
    monkeypatch.setitem(sys.modules, "figures.toy", SimpleNamespace(FIGURES=changed))
    assert "holds mean 1; pass the same parameters or --fresh" in refused(capsys, "toy")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tyo"], 'unknown figure or subject "tyo"; did you mean "toy"?'),
        (["toy/faar"], 'unknown figure or subject "toy/faar"; did you mean "toy/far"?'),
        (["xyz"], 'unknown figure or subject "xyz"; there are toy, other.'),
        (["toy", "--format", "gif"], "--format must be svg, pdf, png, several as svg,png, or all"),
        (["toy", "--format", "svg,,png"], 'got "svg,,png".'),
        (["toy", "--seed", "2.5"], '"2.5" is not an integer.'),
        (["toy", "--workers", "0"], "workers must be >= 1; got 0."),
        (["toy", "--seed", "-1"], "seed must be an integer from 0 to 2**63 - 1; got -1."),
        (["toy", "--out", "file/x"], "--out: cannot write to the folder file/x: Not a directory."),
        (["toy", "--out", "file"], "--out: cannot write to the folder file: File exists."),
        (["toy", "--store", "."], ". is not a file; pass --fresh or another --store."),
        (["toy", "--store", ".", "--fresh"], "--fresh: cannot remove .: "),
        (["--store", "a.jsonl"], "--store holds one subject; name one of toy, other."),
        (["toy", "--wokers", "2"], "--wokers"),
    ],
)
def test_a_mistake_is_one_line_and_costs_nothing(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], blocks: list[Params]
) -> None:
    Path("file").touch()
    assert message in refused(capsys, *words)
    assert not blocks


def test_an_interrupted_run_goes_on(
    capsys: pytest.CaptureFixture[str], blocks: list[Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    spring = toy_twin._spring

    def interrupted(p: Params) -> None:
        spring(p)
        if p.mean == FAR.mean and len(blocks) > 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(toy_twin, "_spring", interrupted)
        code, out, err = said(capsys, "toy")
    assert (code, out) == (130, "")
    assert err == "Interrupted; runs/figures/toy.jsonl keeps what is done.\n"
    blocks.clear()
    assert said(capsys, "toy")[0] == 0
    assert NEAR.mean not in [p.mean for p in blocks]
    again = Path("runs/figures/toy.jsonl").read_bytes()
    said(capsys, "toy", "--fresh")
    assert Path("runs/figures/toy.jsonl").read_bytes() == again


def test_a_figure_that_cannot_be_written_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("runs/figures/near.svg").mkdir(parents=True)
    assert "cannot write runs/figures/near.svg: Is a directory" in refused(capsys, "toy")
    assert not list(Path("runs/figures").glob("*.tmp"))


def test_help_imports_no_heavy_library(tmp_path: Path) -> None:
    program = (
        "import sys; from figures.__main__ import main; main(['--help']); "
        "heavy = {'jax', 'scipy', 'matplotlib', 'dask', 'distributed', 'sympy', 'cloudpickle'}; "
        "sys.exit(repr(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=commands.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for option in ("--out", "--format", "--seed", "--workers", "--dask", "--store", "--fresh"):
        assert option in done.stdout


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    done = commands.run([sys.executable, "-m", "figures", "depth_limit/log_rato"], tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        'Error: unknown figure or subject "depth_limit/log_rato"; did you mean '
        '"depth_limit/log_ratio"?\n'
    )
    assert list(tmp_path.iterdir()) == []
