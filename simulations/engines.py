"""Engines: where blocks are computed.  None of them decides what is stored or merged.

Every engine maps tasks to (task, block) pairs in any order, at least once each.  The results do
not depend on the engine: each computes a block in a process whose XLA has a single thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulations.jobs import Block, MapBlocks, Task, compute

if TYPE_CHECKING:
    from distributed import Client

SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
COMPILING = 6
"""Full blocks that could be computed in the time it takes to compile their code."""
AHEAD = 2
"""Tasks per worker in flight: enough to hide the scheduler, few enough to bound its memory."""


def cores() -> list[int]:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@functools.cache
def start_jax_on_one_core() -> None:
    """Start XLA with a single compute thread, then let it run on any core.

    XLA sizes its thread pool by the affinity at start-up and by nothing else.  One thread is
    faster for states that fit the cache, and keeps a run's bytes independent of the machine's size
    and of the engine.  The affinity is given back afterwards, so that two runs share two cores.
    Changes nothing where jax has already started, or where the system has no affinity.
    """
    import jax

    if not hasattr(os, "sched_setaffinity"):
        return
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    try:
        jax.devices()
    finally:
        threads = os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ["0"]
        for thread in threads:
            with contextlib.suppress(OSError):  # the thread has ended meanwhile
                os.sched_setaffinity(int(thread), everywhere)


def in_process(tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    """Compute the tasks one after the other in this process.

    While one job is computed, a second thread compiles the next: a block of one sample is
    computed and dropped.
    """
    start_jax_on_one_core()
    pending = list(tasks)
    first = {task.job: task for task in reversed(pending)}
    with ThreadPoolExecutor(max_workers=1) as compiler:
        ready = {
            job: compiler.submit(compute, replace(first[job], count=1)) for job in sorted(first)
        }
        try:
            for task in pending:
                ready[task.job].result()
                yield task, compute(task)
        finally:
            compiler.shutdown(cancel_futures=True)


def local(workers: int) -> MapBlocks:
    """An engine of `workers` single-threaded processes, each pinned to one core."""
    if workers < 1:
        raise ValueError(f"workers must be >= 1; got {workers}.")
    return in_process if workers == 1 else functools.partial(_on_local_cluster, workers)


def dask(address: str) -> MapBlocks:
    """An engine on a running dask scheduler, "tcp://host:port"."""
    return functools.partial(_on_scheduler, address)


def _on_local_cluster(workers: int, tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    pending = list(tasks)
    if len(pending) <= 1:  # nothing to share
        yield from in_process(pending)
        return
    import dask
    from distributed import Client, LocalCluster

    # Spawned workers inherit the environment; numpy reads these when it is imported.
    before = {name: os.environ.get(name) for name in SINGLE_THREAD}
    os.environ.update(SINGLE_THREAD)
    # A worker that is seen dead twice, this long apart, is given up, though it may have been
    # started again many times in between; with all given up the run would wait for ever.
    never = {"distributed.deploy.lost-worker-timeout": "1000 hours"}
    try:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 10} | never),
            LocalCluster(
                n_workers=min(workers, len(pending)),
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address=":0",  # any free port
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            cluster.scheduler.add_plugin(_rescue())
            yield from _stream(client, pending, cores())
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _on_scheduler(address: str, tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    from distributed import Client

    try:
        client = Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise ValueError(
            f'no dask scheduler answers at "{address}" ({type(error).__name__}); '
            "start one with `dask scheduler` and pass its tcp:// address to --dask."
        ) from None
    with client:
        yield from _stream(client, list(tasks), None)


def _stream(
    client: Client, tasks: list[Task], pin_to: list[int] | None
) -> Iterator[tuple[Task, Block]]:
    """Submit with bounded look-ahead and yield as blocks complete.

    The blocks of a job share compiled code, so every worker gets jobs of its own and takes from
    another's queue only when it has none left.  On a cluster that is not ours, whose
    workers come and go, the scheduler decides.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    if not workers:
        raise ValueError("the dask scheduler has no workers; start some with `dask worker`.")
    queues = _share_out(tasks, len(workers))
    waiting: dict[Any, tuple[Task, int]] = {}

    def submit(to: int) -> list[Any]:
        queue = queues[to] or max(queues, key=len)
        if not queue:
            return []
        task = queue.popleft()
        future = client.submit(
            _compute_on_worker,
            task,
            pin_to,
            pure=False,
            workers=[workers[to]] if pin_to else None,
            allow_other_workers=bool(pin_to),  # a worker may die
        )
        waiting[future.key] = task, to
        return [future]

    running = as_completed(
        [f for to in range(len(workers)) for _ in range(AHEAD) for f in submit(to)]
    )
    for future in running:
        task, worker = waiting.pop(future.key)
        try:
            block = future.result()
        except KilledWorker:
            raise ValueError(
                f"block {task.index} of {task.experiment.name} kills every worker that computes "
                "it (out of memory?); try a smaller --width or fewer --workers."
            ) from None
        for following in submit(worker):
            running.add(following)
        yield task, block


def _rescue() -> Any:
    """A plugin that lets a new worker take blocks over from workers that have all died.

    Without it they would wait for ever for those they were meant for, which come back under other
    addresses: then `allow_other_workers` is not looked at.
    """
    from distributed import SchedulerPlugin

    class Rescue(SchedulerPlugin):
        def add_worker(self, scheduler: Any, worker: str) -> None:
            for task in scheduler.unrunnable:
                task.worker_restrictions = None

    return Rescue()


def _share_out(tasks: list[Task], workers: int) -> list[deque[Task]]:
    """The tasks in one queue per worker, what shares compiled code together, the largest first."""
    groups: dict[Hashable, list[Task]] = {}
    for task in tasks:
        code = task.experiment.name, task.experiment.code(task.params)
        groups.setdefault(code, []).append(task)
    queues: list[deque[Task]] = [deque() for _ in range(workers)]
    loads = [0] * workers
    for group in sorted(groups.values(), key=len, reverse=True):
        least = loads.index(min(loads))
        queues[least].extend(group)
        loads[least] += len(group) + COMPILING
    return queues


def _compute_on_worker(task: Task, pin_to: list[int] | None) -> Block:
    if pin_to:
        _pin(tuple(pin_to))
    start_jax_on_one_core()
    return compute(task)


@functools.cache
def _pin(available: tuple[int, ...]) -> None:
    """Keep this worker on one core of its own, chosen by its number in the cluster."""
    from distributed import get_worker

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {available[int(get_worker().name) % len(available)]})
