"""From jobs to estimates: the one function `run`.

    Params -> block keys -> blocks (pure, any worker, order) -> merged in block order -> Estimate

The pieces are those of `simulations.jobs`, and are offered here as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from simulations.accumulators import merge, not_finite
from simulations.engines import in_process
from simulations.jobs import MAX_BLOCKS as MAX_BLOCKS
from simulations.jobs import Block as Block
from simulations.jobs import Derived as Derived
from simulations.jobs import Estimate as Estimate
from simulations.jobs import Experiment as Experiment
from simulations.jobs import Job as Job
from simulations.jobs import Law as Law
from simulations.jobs import MapBlocks as MapBlocks
from simulations.jobs import Params as Params
from simulations.jobs import Progress as Progress
from simulations.jobs import Report as Report
from simulations.jobs import Result as Result
from simulations.jobs import Task as Task
from simulations.jobs import Twin as Twin
from simulations.jobs import block_key as block_key
from simulations.jobs import canonical as canonical
from simulations.jobs import compute as compute
from simulations.jobs import generator as generator
from simulations.jobs import one_thread as one_thread
from simulations.jobs import plain as plain
from simulations.jobs import samples_per_block as samples_per_block
from simulations.jobs import setup as setup
from simulations.store import Store


def check_seed(seed: int) -> None:
    """Refuse a seed that the generator would silently wrap."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be an integer from 0 to 2**63 - 1; got {seed}.")


def check_shard(shard: tuple[int, int]) -> None:
    """Refuse a shard that would silently compute other blocks than meant."""
    i, k = shard
    if not 0 <= i < k:
        raise ValueError(f"shard must be i/k with 0 <= i < k, as in 0/4; got {i}/{k}.")


def run(
    jobs: Sequence[Job],
    seed: int,
    *,
    map_blocks: MapBlocks | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
    shard: tuple[int, int] = (0, 1),
) -> list[Result]:
    """Simulate all jobs and return the named estimates of each, in the order given.

    With a `store`, finished blocks are kept as they come and never computed twice.  A shard
    (i, k) computes every k-th block from i on; the result is then empty unless the store holds the
    other blocks already.  Raises ValueError when a statistic comes out NaN or infinite, and for a
    seed or a shard out of range.
    """
    check_seed(seed)
    seed = int(seed)
    check_shard(shard)
    tasks = [
        Task(job.experiment, job.params, seed, j, index, count)
        for j, job in enumerate(jobs)
        for index, count in enumerate(job.blocks())
    ]
    sums = [_Sum() for _ in jobs]
    with contextlib.closing(store) if store else contextlib.nullcontext():
        seen = store.open(jobs, seed) if store else set()
        mine = tasks[shard[0] :: shard[1]]
        todo = [t for t in mine if (t.job, t.index) not in seen]
        total = sum(work(t) for t in mine)
        done = total - sum(work(t) for t in todo)
        for (job, index), block in store.blocks() if store else ():
            sums[job].add(index, block)
        for task, block in (map_blocks or in_process)(todo):
            if (task.job, task.index) in seen:  # an engine may run a task twice
                continue
            _check(task, block)
            seen.add((task.job, task.index))
            sums[task.job].add(task.index, block)
            if store:
                store.append(task, block)
            done += work(task)
            if progress:
                progress(task, done, total)
        if any((t.job, t.index) not in seen for t in mine):
            raise RuntimeError("the engine lost a block.")
        results: list[Result] = []
        if len(seen) == len(tasks):
            pairs = zip(jobs, sums, strict=True)
            results = [job.experiment.estimates(s.merged(), job.params) for job, s in pairs]
        if store:
            store.finish(results)
    return results


class _Sum:
    """The blocks of one job, merged in block order as soon as their turn comes.

    Only blocks that arrived early are held, so memory does not grow with the number of samples.
    """

    def __init__(self) -> None:
        self._total: Block | None = None
        self._next = 0
        self._early: dict[int, Block] = {}

    def add(self, index: int, block: Block) -> None:
        self._early[index] = block
        while self._next in self._early:
            block = self._early.pop(self._next)
            self._total = block if self._total is None else merge(self._total, block)
            self._next += 1

    def merged(self) -> Block:
        if self._total is None or self._early:
            raise RuntimeError("a block is missing.")
        return self._total


def work(task: Task) -> int:
    """Share of the whole of one block, in units in which a full block of any job counts alike."""
    size = task.experiment.block_size(task.params)
    return max(1, round(1000 * task.count / size))


def _check(task: Task, block: Block) -> None:
    bad = not_finite(block)
    if bad:
        params = ", ".join(
            f"{k} {v}" for k, v in Job(task.experiment, task.params, 1).identity["params"].items()
        )
        raise ValueError(
            f"{bad} is not finite in block {task.index} of {task.experiment.name} "
            f"({params or 'default parameters'}): the activation returned NaN or the signal "
            "overflowed; try --dtype float64, a shorter --time or another activation."
        )
