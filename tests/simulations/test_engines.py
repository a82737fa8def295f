"""Same seed, same bytes: any number of workers, any engine, any kill."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulations import engines
from tests.simulations.commands import environment, networks, run, succeed, toy

CLUSTER = """
import logging, sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=None,
                      silence_logs=logging.CRITICAL) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""

NETWORKS = ("--width", 4, "--depth", 64, "--samples", 600_000, "--seed", 3)
"""Three blocks, the last one partial."""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script), "2"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.mark.slow
def test_all_engines_write_the_same_bytes(tmp_path: Path, scheduler: str) -> None:
    succeed(networks(*NETWORKS, "--out", "one"), tmp_path)
    wanted = (tmp_path / "one").read_bytes()
    assert wanted.count(b"\n") == 1 + 3 + 1
    succeed(networks(*NETWORKS, "--workers", 2, "--out", "two"), tmp_path)
    succeed(networks(*NETWORKS, "--dask", scheduler, "--out", "three"), tmp_path)
    assert (tmp_path / "two").read_bytes() == wanted
    assert (tmp_path / "three").read_bytes() == wanted


def test_shards_on_different_engines_merge_to_the_same_bytes(
    tmp_path: Path, scheduler: str
) -> None:
    words = ("--size", 3, "--samples", 1500)
    succeed(toy(*words, "--out", "whole"), tmp_path)
    said = run(toy(*words, "--shard", "0/2", "--out", "a"), tmp_path)
    assert (said.returncode, said.stdout) == (0, "")
    assert "kept in a; merge" in said.stderr
    run(toy(*words, "--shard", "1/2", "--out", "b", "--dask", scheduler), tmp_path)
    succeed(toy(*words, "--resume", "a", "--resume", "b", "--out", "c"), tmp_path)
    assert (tmp_path / "c").read_bytes() == (tmp_path / "whole").read_bytes()
    succeed(toy(*words, "--resume", "b", "--resume", "a"), tmp_path)  # into the first of them
    assert (tmp_path / "b").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.slow
def test_survey_on_two_workers(tmp_path: Path) -> None:
    for workers, out in ((1, "one"), (2, "two")):
        succeed(toy("--samples", 1000, "--workers", workers, "--out", out), tmp_path)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("trap", ["nan", "error"])
def test_failure_on_a_worker_is_reported_once(tmp_path: Path, scheduler: str, trap: str) -> None:
    words = ("--size", 3, "--samples", 500, "--trap", trap, "--out", "a")
    done = run(toy(*words, "--dask", scheduler), tmp_path)
    if trap == "nan":
        assert done.returncode == 2
        assert done.stderr.startswith("Error: x is not finite in block ")
        assert done.stderr.count("\n") == 1
    else:
        assert done.returncode == 4
        assert done.stderr.endswith("Internal error; please report it with the lines above.\n")
        assert "LookupError: a defect of ours" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["nonsense", "", pytest.param("tcp://127.0.0.1:1", marks=pytest.mark.slow)]
)
def test_unreachable_scheduler(tmp_path: Path, address: str) -> None:
    done = run(toy("--dask", address, "--out", "a"), tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f'Error: no dask scheduler answers at "{address}"')
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_scheduler_without_workers(tmp_path: Path) -> None:
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script), "0"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        done = run(toy("--dask", address), tmp_path)
        assert process.stdin is not None
        process.stdin.close()
    assert done.returncode == 2
    assert "the dask scheduler has no workers; start some" in done.stderr
    assert done.stderr.count("\n") == 1


def test_number_of_workers() -> None:
    assert engines.local(1) is engines.in_process
    with pytest.raises(ValueError, match="workers must be >= 1; got 0"):
        engines.local(0)


# --- kills ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_worker_changes_no_byte(tmp_path: Path) -> None:
    words = ["--size", 3, "--samples", 1500, "--pause", 0.02, "--trap", "once"]
    words += ["--marker", tmp_path / "marker"]
    succeed(toy(*words, "--workers", 2, "--out", "killed"), tmp_path)
    assert (tmp_path / "marker").exists()
    succeed(toy(*words, "--out", "whole"), tmp_path)  # the trap has gone off already
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.slow
def test_block_that_kills_every_worker_is_one_line(tmp_path: Path) -> None:
    words = ("--size", 3, "--samples", 500, "--workers", 2, "--trap", "always", "--out", "a")
    done = run(toy(*words), tmp_path, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: block ")
    assert "kills every worker" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_and_resume(
    command: list[str], path: Path, kills: int, rng: random.Random, blocks: int
) -> int:
    """Kill the command after a random number of new blocks, some times; then let it finish."""
    done = 0
    for _ in range(kills):
        until = lines(path) + rng.randint(0, max(1, 2 * blocks // kills))
        with subprocess.Popen(
            command,
            cwd=path.parent,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            while process.poll() is None and lines(path) < until:
                time.sleep(0.001)
            time.sleep(rng.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.returncode in (0, -signal.SIGKILL)
            done += process.returncode != 0
    succeed(command, path.parent)
    return done


def test_killed_commands_end_in_the_same_bytes(tmp_path: Path) -> None:
    words = ("--size", 3, "--samples", 2000, "--pause", 0.01)
    succeed(toy(*words, "--out", "whole"), tmp_path)
    path = tmp_path / "killed"
    kills = kill_and_resume(toy(*words, "--resume", path), path, 3, random.Random(1), 32)
    assert kills > 0
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_simulations_end_in_the_same_bytes(tmp_path: Path, workers: int) -> None:
    words = ("--width", 4, "--depth", 64, "--samples", 2_500_000)
    succeed(networks(*words, "--out", "whole"), tmp_path)
    path = tmp_path / "killed"
    command = networks(*words, "--workers", workers, "--resume", path)
    kills = kill_and_resume(command, path, 6, random.Random(workers), 10)
    assert kills > 0
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_command(tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc")
    words = ("--size", 3, "--samples", 20_000, "--pause", 0.05, "--workers", 2)
    with subprocess.Popen(
        toy(*words, "--out", "a"), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and lines(tmp_path / "a") < 5:
            time.sleep(0.02)
        process.kill()
    end = time.monotonic() + 30
    while (left := _processes_in(tmp_path)) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []


def _processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [command for command in found if command]


HEARS_INTERRUPTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Tests that are started in the background inherit an ignored interrupt."""


def test_interrupted_command_says_how_to_go_on(tmp_path: Path) -> None:
    words = ("--size", 3, "--samples", 20_000, "--pause", 0.05, "--out", "a")
    with subprocess.Popen(
        [sys.executable, "-c", HEARS_INTERRUPTS, *toy(*words)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and lines(tmp_path / "a") < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 130
    assert said == "Interrupted; with --out, go on from its blocks by --resume.\n"
    assert lines(tmp_path / "a") >= 3
