"""The forward engine against explicit weights: samples per second, interleaved, on one core.

    python benchmarks/forward.py [--rounds 5]

Every engine simulates Y_l = Y_{l-1} + L^{-1/2} W_l relu(Y_{l-1}) in float32 and returns the sum of
|Y_L|^2.  "exact law" is `simulations.forward` alone; "twin" is the whole of the
`simulations.depth_limit` experiment: two coupled depths, thirteen statistics, float64 moments.  The
ratio of a row is that of its medians over the rounds of this one run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from simulations import core, depth_limit, engines

engines.start_jax_on_one_core()
core.setup()

import jax  # noqa: E402  # after the thread pool has been sized
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from simulations import forward  # noqa: E402

KEY = jax.random.key(0, impl="threefry2x32")
Engine = Callable[[int], None]


@partial(jax.jit, static_argnums=(1, 2, 3))
def explicit(key: jax.Array, n: int, depth: int, samples: int) -> jax.Array:
    """The naive peer: one network per sample, `vmap` over `scan`, an n x n matrix a layer."""

    def network(key: jax.Array) -> jax.Array:
        start, layers = jax.random.split(key)

        def layer(y: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
            w = jax.random.normal(key, (n, n), jnp.float32) / jnp.sqrt(jnp.float32(n * depth))
            return y + w @ jnp.maximum(y, 0), None

        y = jax.random.normal(start, (n,), jnp.float32)
        y, _ = jax.lax.scan(layer, y, jax.random.split(layers, depth))
        return jnp.sum(y * y)

    return jnp.sum(jax.vmap(network)(jax.random.split(key, samples)))


def explicit_numpy(n: int, depth: int, samples: int) -> float:
    """Explicit weights, batched over the samples, in numpy."""
    draw = np.random.Generator(np.random.SFC64(0)).standard_normal
    y = draw((samples, n))
    for _ in range(depth):
        w = draw((samples, n, n))
        y = y + np.einsum("sij,sj->si", w, np.maximum(y, 0)) / np.sqrt(n * depth)
    return float(np.sum(y * y))


@partial(jax.jit, static_argnums=1)
def exact_law(key: jax.Array, n: int, depth: jax.Array, batches: jax.Array) -> jax.Array:
    """The forward engine alone: one depth, no statistics but |Y_L|^2."""
    shape = forward.Shape(n, forward.batch_size(n), "float32")
    h = (1 / depth).astype(jnp.float32)

    def two_layers(y: jax.Array, noise1: jax.Array, noise2: jax.Array) -> jax.Array:
        for noise in (noise1, noise2):
            y = y + forward.apply_weights(jnp.sqrt(h) * noise, jnp.maximum(y, 0))
        return y

    def batch(index: jax.Array, total: jax.Array) -> jax.Array:
        start, layers = jax.random.split(jax.random.fold_in(key, index))
        y = forward.march(layers, depth // 2, shape, shape.start(start), two_layers)
        return total + jnp.sum(y * y)

    return jax.lax.fori_loop(0, batches, batch, jnp.zeros((), jnp.float32))


def run_exact_law(n: int, depth: int, samples: int) -> None:
    """At least `samples` samples; the caller asks for a multiple of the batch."""
    batches = samples // forward.batch_size(n)
    exact_law(KEY, n, jnp.asarray(depth), jnp.asarray(batches)).block_until_ready()


def run_twin(n: int, depth: int, samples: int) -> None:
    """The experiment behind the command line, through `core.compute`."""
    params = depth_limit.Params(width=n, depth=depth)
    core.compute(core.Task(depth_limit.PATHS, params, 0, 0, 0, samples))


def run_explicit(n: int, depth: int, samples: int) -> None:
    """The naive peer."""
    explicit(KEY, n, depth, samples).block_until_ready()


def rates(
    contestants: dict[str, tuple[Callable[[int, int, int], object], int]],
    n: int,
    depth: int,
    rounds: int,
) -> dict[str, float]:
    """Median samples per second of each contestant; all run once in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(-1, rounds):
        for name, (run, samples) in contestants.items():
            begin = time.perf_counter()
            run(n, depth, samples)
            if round_ >= 0:  # the first round compiles
                seconds[name].append(time.perf_counter() - begin)
    return {
        name: samples / statistics.median(seconds[name])
        for name, (_, samples) in contestants.items()
    }


def speed(rounds: int) -> None:
    """Table of samples per second and ratios."""
    print("| n, L | engine | samples/s | ratio | wanted |\n|---|---|---|---|---|")
    for n, depth, naive_samples, wanted in (
        (100, 100, 16, 80),
        (1000, 100, 1, 1000),
        (4, 1000, 1024, 6),
    ):
        batch = forward.batch_size(n)
        ours = max(1, (1 << 26) // (n * depth * batch)) * batch
        contestants: dict[str, tuple[Callable[[int, int, int], object], int]] = {
            "explicit weights, jax vmap over scan": (run_explicit, naive_samples),
            "exact law": (run_exact_law, ours),
            "twin (two depths, all statistics)": (run_twin, ours),
        }
        if n == 4:
            contestants["explicit weights, numpy, batched"] = (explicit_numpy, 4096)
        measured = rates(contestants, n, depth, rounds)
        base = max(v for k, v in measured.items() if k.startswith("explicit"))
        for name, rate in measured.items():
            aim = f">= {wanted}" if name == "exact law" else ""
            print(f"| {n}, {depth} | {name} | {rate:,.4g} | {rate / base:.3g} | {aim} |")


def command(samples: int, workers: int) -> list[str]:
    """A run of the twin as a user would start it."""
    module = [sys.executable, "-m", "simulations.depth_limit", "--width", "100", "--depth", "100"]
    return [*module, "--samples", str(samples), "--workers", str(workers), "--json"]


def two_workers(rounds: int) -> None:
    """Slope of time over samples with one worker and with two: start-up drops out."""
    few, many = 16_384, 327_680
    slopes: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in slopes:
            spent = []
            for samples in (few, many):
                begin = time.perf_counter()
                subprocess.run(command(samples, workers), check=True, capture_output=True)
                spent.append(time.perf_counter() - begin)
            slopes[workers].append(spent[1] - spent[0])
    gain = statistics.median(slopes[1]) / statistics.median(slopes[2])
    print(f"\nTwo workers over one, (100, 100): {gain:.2f}x (wanted >= 1.7)")


def memory() -> None:
    """Peak memory over the import at 16 times the samples."""
    script = (
        "import resource, sys\n"
        "from simulations import core, depth_limit, engines\n"
        "engines.start_jax_on_one_core(); core.setup()\n"
        "job = lambda s: [core.Job(depth_limit.PATHS, depth_limit.Params(), s)]\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "pages = int(open('/proc/self/statm').read().split()[1])\n"
        "base = pages * resource.getpagesize() / 2**20\n"
        "core.run(job(int(sys.argv[1])), 0); print(peak() - base)\n"
    )
    peaks = [
        float(
            subprocess.run(
                [sys.executable, "-c", script, str(samples)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for samples in (125_000, 2_000_000)
    ]
    print(
        f"\nPeak memory over the import: {peaks[0]:.0f} MiB at 125 000 samples, {peaks[1]:.0f} MiB "
        f"at 2 000 000: {peaks[1] / peaks[0]:.2f}x (wanted <= 1.15)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    wanted_rounds = parser.parse_args().rounds
    speed(wanted_rounds)
    two_workers(max(1, wanted_rounds // 2))
    memory()
