"""Set-up of the test processes."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """One core for each process of pytest-xdist: XLA would compile on all of them from each."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
