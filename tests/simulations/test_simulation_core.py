"""Keys, blocks and `run`: what may change a number and what may not."""

from __future__ import annotations

import dataclasses
import functools
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pytest

from simulations import core, engines
from simulations.accumulators import Block, Moments, merge, to_json
from simulations.core import Estimate, Job, Law, Task, block_key, canonical, plain
from tests.simulations.toy_twin import TOY, Params

core.setup()


def bits(key: jax.Array) -> bytes:
    return np.asarray(jax.random.key_data(key)).tobytes()


def stream(params: Any, experiment: core.Experiment = TOY) -> str:
    return canonical(Job(experiment, params, 1).identity)


def plain_results(results: list[core.Result]) -> str:
    return repr([{k: [np.asarray(f).tolist() for f in v] for k, v in r.items()} for r in results])


# --- keys -----------------------------------------------------------------------------------------


def test_key_is_a_function_of_seed_name_and_index() -> None:
    assert bits(block_key(1, "a", 0)) == bits(block_key(1, "a", 0))
    keys = [bits(block_key(s, n, i)) for s in (0, 1, 2**62) for n in ("a", "b") for i in range(9)]
    keys += [bits(block_key(2**32, "a", 0)), bits(block_key(1 + 2**32, "a", 0))]
    assert len(set(keys)) == len(keys)


def test_key_is_frozen() -> None:
    # Stored blocks would be mixed with others if this changed; threefry bits are the same in every
    # version of jax.
    assert np.asarray(jax.random.key_data(block_key(1, "name", 2))).tolist() == [
        874015842,
        312698505,
    ]


def test_parameters_and_stream_number_change_the_stream() -> None:
    variants = [Params(), Params(mean=1.0), Params(size=5), Params(block=65)]
    names = {stream(p) for p in variants} | {stream(Params(), replace(TOY, stream=2))}
    names.add(stream(Params(), replace(TOY, name="toy2")))
    assert len(names) == 6


def test_a_new_field_at_its_default_changes_nothing() -> None:
    grown = dataclasses.make_dataclass(
        "Grown", [("option", str, "none"), ("more", tuple, ())], bases=(Params,), frozen=True,
        kw_only=True,
    )  # fmt: skip
    assert stream(grown(mean=2.0)) == stream(Params(mean=2.0))
    assert stream(grown(mean=2.0, option="some")) != stream(Params(mean=2.0))


@dataclass(frozen=True)
class Numbers:
    n: Any = 1
    t: Any = 0.5
    edges: Any = ()


def test_equal_parameters_have_equal_streams() -> None:
    pairs = [
        (Numbers(n=np.int64(4)), Numbers(n=4)),
        (Numbers(t=2), Numbers(t=2.0)),
        (Numbers(t=np.float64(0.25)), Numbers(t=0.25)),
        (Numbers(t=np.float32(0.25)), Numbers(t=0.25)),
        (Numbers(edges=(0, 1)), Numbers(edges=(0.0, 1.0))),
    ]
    for one, two in pairs:
        assert stream(one) == stream(two)
    assert plain((1.5, 2.0, "x", None, True)) == [1.5, 2, "x", None, True]


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "counts"), [(1, [1]), (63, [63]), (64, [64]), (65, [64, 1]), (200, [64, 64, 64, 8])]
)
def test_blocks(samples: int, counts: list[int]) -> None:
    assert Job(TOY, Params(), samples).blocks() == counts


@pytest.mark.parametrize("samples", [0, -3, 1.5, math.nan, 1e6])
def test_samples_must_be_a_positive_integer(samples: Any) -> None:
    with pytest.raises(ValueError, match=rf"samples must be an integer >= 1; got {samples}\.$"):
        Job(TOY, Params(), samples)


def test_absurd_number_of_samples_is_refused_before_memory_is_full() -> None:
    with pytest.raises(ValueError, match="samples must be at most 67108864 with these parameters"):
        core.run([Job(TOY, Params(), 10**18)], 1)


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, math.nan])
def test_seed_out_of_range(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 to 2\*\*63 - 1; got "):
        core.run([Job(TOY, Params(), 1)], seed)


# --- run ------------------------------------------------------------------------------------------

JOBS = [Job(TOY, Params(), 300), Job(TOY, Params(mean=2.0), 64), Job(TOY, Params(size=2), 10)]
SEED = 2**40 + 7


@pytest.fixture(scope="module")
def reference() -> list[core.Result]:
    return core.run(JOBS, SEED)


def test_run_is_the_merge_of_the_blocks_in_order(reference: list[core.Result]) -> None:
    for job, result in zip(JOBS, reference, strict=True):
        name = canonical(job.identity)
        parts = [
            job.experiment.block(block_key(SEED, name, k), job.params, count)
            for k, count in enumerate(job.blocks())
        ]
        parts = [{n: type(a)(*map(np.asarray, a)) for n, a in part.items()} for part in parts]
        wanted = job.experiment.estimates(functools.reduce(merge, parts), job.params)
        assert plain_results([result]) == plain_results([wanted])
        assert result["x"].samples == job.samples


def shuffled(tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    mixed = list(tasks)
    random.Random(3).shuffle(mixed)
    for task in mixed:
        yield task, core.compute(task)


def twice(tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    every = list(tasks)
    yield from [*shuffled(every), *shuffled(every)]


def through_text(tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
    from simulations.accumulators import from_json

    for task, block in shuffled(tasks):
        yield task, from_json(to_json(block))


@pytest.mark.parametrize("engine", [shuffled, twice, through_text, engines.local(1)])
def test_engine_and_order_change_no_bit(engine: Any, reference: list[core.Result]) -> None:
    assert plain_results(core.run(JOBS, SEED, map_blocks=engine)) == plain_results(reference)


def test_another_job_beside_it_changes_nothing(reference: list[core.Result]) -> None:
    assert plain_results(core.run(JOBS[::-1], SEED)) == plain_results(reference[::-1])
    assert plain_results(core.run(JOBS[1:2], SEED)) == plain_results(reference[1:2])


def test_more_samples_begin_with_the_same_blocks() -> None:
    seen: dict[int, list[str]] = {}

    def record(tasks: Any) -> Any:
        for task in tasks:
            block = core.compute(task)
            seen[samples].append(canonical(to_json(block)))
            yield task, block

    for samples in (100, 300):
        seen[samples] = []
        core.run([Job(TOY, Params(), samples)], 1, map_blocks=record)
    assert seen[100][0] == seen[300][0]
    assert seen[100][1] != seen[300][1]  # 36 and 64 samples of the same block


def test_work_is_reported_to_the_end() -> None:
    calls: list[tuple[int, int]] = []
    core.run(JOBS, 1, progress=lambda task, done, total: calls.append((done, total)))
    assert len(calls) == 7
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1][0] == calls[-1][1]


def test_shard_alone_has_no_results() -> None:
    seen: list[int] = []
    for i in (0, 1, 2):
        note = lambda task, done, total: seen.append(task.job * 100 + task.index)  # noqa: E731
        assert core.run(JOBS, 1, shard=(i, 3), progress=note) == []
    assert sorted(seen) == [0, 1, 2, 3, 4, 100, 200]


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), (3, 1)])
def test_shard_out_of_range(shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shard must be i/k with 0 <= i < k"):
        core.run(JOBS, 1, shard=shard)


def test_an_engine_that_loses_a_block_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="lost a block"):
        core.run(JOBS, 1, map_blocks=lambda tasks: list(shuffled(tasks))[:-1])


def test_not_a_number_is_refused_with_name_block_and_parameters() -> None:
    with pytest.raises(ValueError, match=r"^x is not finite in block 0 of toy \(trap nan\): ") as e:
        core.run([Job(TOY, Params(trap="nan"), 10)], 1)
    assert "\n" not in str(e.value)


def test_no_jobs() -> None:
    assert core.run([], 1) == []


# --- estimates ------------------------------------------------------------------------------------


def moments(x: list[float]) -> Moments:
    a = np.array(x, dtype=float)
    d = a - a.mean() if a.size else a
    return Moments(
        a.size, a.mean() if a.size else 0.0, (d**2).sum(), (d**3).sum(), (d**4).sum()
    )  # fmt: skip


def test_estimate_of_a_mean() -> None:
    x = [1.0, 2.0, 2.5, 9.0]
    e = Estimate.of(moments(x))
    assert e.value == pytest.approx(3.625)
    assert e.stderr == pytest.approx(np.std(x, ddof=1) / 2, rel=1e-14)
    assert e.samples == 4
    d = np.array(x) - 3.625
    assert e.skewness == pytest.approx((d**3).mean() / (d**2).mean() ** 1.5, rel=1e-14)


def test_estimates_from_few_or_equal_samples() -> None:
    assert math.isnan(Estimate.of(moments([])).value)
    one = Estimate.of(moments([3.0]))
    assert (one.value, one.stderr, one.samples) == (3.0, math.inf, 1)
    assert Estimate.of(moments([3.0, 3.0])) == (3.0, 0.0, 2, 0.0)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e-80, 1e70])
def test_estimate_neither_overflows_nor_underflows(scale: float) -> None:
    # The cube of a variance leaves the range of double precision long before the variance does.
    x = np.array([1.0, 2.0, 2.5, 9.0])
    e, unit = Estimate.of(moments(list(x * scale))), Estimate.of(moments(list(x)))
    assert e.stderr == pytest.approx(unit.stderr * scale, rel=1e-12)
    if scale >= 1e-100:  # below, the third moment itself underflows
        assert e.skewness == pytest.approx(unit.skewness, rel=1e-12)


def test_law_counts_every_sample(reference: list[core.Result]) -> None:
    law = reference[0]["law"]
    assert isinstance(law, Law)
    assert law.counts.sum() == 300
    assert law.counts.size == law.edges.size + 1


def test_toy_mean_and_error() -> None:
    # N(2, 1/4) samples; two-sided normal test of an exactly normal mean: false alarm 1e-6.
    e = core.run([Job(TOY, Params(mean=2.0), 6400)], 11)[0]["x"]
    assert isinstance(e, Estimate)
    assert abs(e.value - 2) < 4.9 * 0.5 / 80
    assert e.stderr == pytest.approx(0.5 / 80, rel=0.05)  # chi with 6399 degrees: 5.6 sigma
