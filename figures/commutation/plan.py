"""The runs that several figures share, and how their results are read."""

from __future__ import annotations

import math

from figures import style
from figures.reading import mean, rescaled
from simulations.commutation import PATHS, Params
from simulations.core import Estimate, Job, Result

SIZES = (5, 12, 30, 70, 170, 400)
"""Widths and depths of the map; every other figure takes its widths from here where it can,
because each width is compiled anew."""
CORRELATION = 0.3
"""Of the two inputs, unless said; both have q0 = 1."""
ONE_INPUT = ((1.0,),)

DRAWS = 1 << 23
MOST, FEWEST = 4096, 768


def samples(width: int, depth: int) -> int:
    """Networks of this size: the same work for each cell, within bounds."""
    return max(FEWEST, min(MOST, DRAWS // (width * depth) // 64 * 64))


def resnet(width: int, depth: int) -> Job:
    """Residual networks on two inputs."""
    return Job(PATHS, Params(width=width, depth=depth), samples(width, depth))


def mlp(width: int, depth: int) -> Job:
    """Perceptrons, critical, on one input."""
    p = Params(architecture="mlp", width=width, depth=depth, gram=ONE_INPUT)
    return Job(PATHS, p, samples(width, depth))


def recorded(p: Params) -> list[tuple[str, float]]:
    """Suffix of the estimates of each record, and its l / L."""
    layers = [2 * ((p.depth + 1) // 2 * (k + 1) // p.records) for k in range(p.records - 1)]
    return [(f"@{done / p.depth:g}", done / p.depth) for done in layers] + [("", 1.0)]


def over_time(p: Params, result: Result, name: str) -> tuple[list[float], list[Estimate]]:
    """The recorded times and the estimate `name` at each of them."""
    records = recorded(p)
    return [p.time * t for _, t in records], [mean(result, name + at) for at, _ in records]


def variance(result: Result, name: str) -> Estimate:
    """A variance, which is measured over a few groups of samples.

    Its standard error is widened so that the normal interval of `style` becomes Student's.
    """
    from scipy import special

    e = mean(result, name)
    quantile = float(special.stdtrit(e.samples - 1, (1 + style.LEVEL) / 2))
    return e._replace(stderr=e.stderr * quantile / style.Z)


def root(e: Estimate) -> Estimate:
    """The root of an estimate, its error to first order."""
    value = math.sqrt(e.value)
    return e._replace(value=value, stderr=e.stderr / (2 * value))


def deviation(result: Result, width: int, pair: str, at: str = "") -> Estimate:
    """Standard deviation of hat q of one network, from n times its variance."""
    return root(rescaled(variance(result, f"n_var_q_{pair}{at}"), 0, 1 / width))


def error(result: Result, width: int, pair: str, limit: float) -> Estimate:
    """Root mean square of hat q less its limit, from its variance and its mean."""
    spread, here = deviation(result, width, pair), mean(result, f"q_{pair}")
    bias = here.value - limit
    value = math.hypot(spread.value, bias)
    slopes = spread.value / value * spread.stderr, bias / value * here.stderr
    return spread._replace(value=value, stderr=math.hypot(*slopes))
