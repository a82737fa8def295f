"""The active count at every width: the Galerkin method against Monte Carlo, interleaved.

    python benchmarks/every_width.py [--rounds 3]

A prediction is timed in a fresh interpreter, import included, since a second call is free.  Monte
Carlo is the twin at depth 64 on one core; the time that it would need for a standard error equal to
the stated error of the prediction is extrapolated as samples^-1/2, its depth bias left aside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

WIDTHS = (3, 4, 6, 10, 20, 50)
SAMPLES = 100_000

PREDICT = """
import json, resource, time
begin = time.perf_counter()
from theory import depth_limit
found = depth_limit.active_count({width}, 1.0)
cold = time.perf_counter() - begin
begin = time.perf_counter()
depth_limit.active_count({width}, 0.7)
print(json.dumps([cold, time.perf_counter() - begin, found.error,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""

SIMULATE = """
import json, time
from simulations import core, engines
engines.start_jax_on_one_core()
from simulations.depth_limit import PATHS, Params
core.run([core.Job(PATHS, Params(width={width}), 1000)], 1)  # compiles
begin = time.perf_counter()
found = core.run([core.Job(PATHS, Params(width={width}), {samples})], 1)[0]["active_count_limit"]
print(json.dumps([time.perf_counter() - begin, found.stderr]))
"""


def fresh(program: str, **values: int) -> list[float]:
    """What the program prints, run in an interpreter of its own."""
    words = [sys.executable, "-c", program.format(**values)]
    found = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [float(x) for x in json.loads(found)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    predicted: dict[int, list[list[float]]] = {n: [] for n in WIDTHS}
    simulated: dict[int, list[list[float]]] = {n: [] for n in WIDTHS}
    for _ in range(rounds):
        for n in WIDTHS:
            predicted[n].append(fresh(PREDICT, width=n))
            simulated[n].append(fresh(SIMULATE, width=n, samples=SAMPLES))
    print(f"{time.strftime('%Y-%m-%d')}, medians of {rounds} rounds, E[A_1 | N_0 > 0]")
    print("width  cold s  again ms  MiB  stated error  Monte Carlo to that error, hours  ratio")
    for n in WIDTHS:
        cold, again, error, memory = (statistics.median(x) for x in zip(*predicted[n], strict=True))
        seconds, stderr = (statistics.median(x) for x in zip(*simulated[n], strict=True))
        needed = seconds * (stderr / error) ** 2
        cells = f"{n:5}  {cold:6.2f}  {1e3 * again:8.2f}  {memory:3.0f}  {error:12.1e}"
        print(f"{cells}  {needed / 3600:32.1f}  {needed / cold:5.0f}")


if __name__ == "__main__":
    main()
