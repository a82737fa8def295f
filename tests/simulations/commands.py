"""Running command lines as a user does, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulations import cli

ROOT = Path(__file__).resolve().parents[2]
TOY = "from simulations import cli; raise SystemExit(cli.main('tests.simulations.toy_twin'))"


TWIN = "simulations.depth_limit"


def mistake(capsys: pytest.CaptureFixture[str], *words: Any, module: str = TWIN) -> str:
    """Insist on one line, exit code 2, an empty stdout and no new file; return the line."""
    before = sorted(Path.cwd().rglob("*"))
    code = cli.main(module, [str(w) for w in words])
    said = capsys.readouterr()
    assert code == 2, said.err
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert sorted(Path.cwd().rglob("*")) == before
    return said.err.strip()


def printed(module: str, capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    """The JSON object that a command prints, and nothing else."""
    assert cli.main(module, [*map(str, words), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


def environment() -> dict[str, str]:
    """The environment, with the project to import; PYTHONWARNINGS as a user has it."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def toy(*words: Any) -> list[str]:
    """The command line of the toy twin."""
    return [sys.executable, "-c", TOY, *map(str, words)]


def networks(*words: Any) -> list[str]:
    """The command line of `simulations.depth_limit`."""
    return [sys.executable, "-m", "simulations.depth_limit", *map(str, words)]


def run(command: list[str], cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run to the end and return exit code, stdout and stderr."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def succeed(command: list[str], cwd: Path, timeout: float = 120) -> str:
    """Run, insist on success, and return stdout."""
    done = run(command, cwd, timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout
