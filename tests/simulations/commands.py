"""Running command lines as a user does, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOY = "from simulations import cli; raise SystemExit(cli.main('tests.simulations.toy_twin'))"


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
