"""What theory says of the estimates, where it says something; imported by the command alone."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any

import numpy as np

from simulations.commutation.inputs import read_gram
from simulations.commutation.params import (
    MAX_REFERENCE,
    Params,
    branch_factors,
    correlation_name,
    pair_name,
    pairs,
    weight_variance,
)

Said = dict[str, dict[str, Any]]

WITH_BANDS = 2
"""Inputs up to which there are bands: a pair takes theory a second, or several."""
TAMED = 1.0
"""Variance of log q up to which moments of q can be measured; beyond, they rest on rare paths."""


def with_inputs(p: Params) -> Params:
    """The parameters with the file of inputs read."""
    return p if p.inputs is None else replace(p, inputs=None, gram=read_gram(p.inputs))


def with_reference(p: Params) -> Params:
    """As `with_inputs`, and the limit kernel of every layer, from which errors are measured.

    Without it where theory says nothing, and for networks too deep.
    """
    p = with_inputs(p)
    if p.depth <= MAX_REFERENCE:
        with contextlib.suppress(ValueError):
            rows = np.array(_reference(p))[:, [0, 2][: p.columns]]
            rounded = [[float(f"{x:.12g}") for x in row] for row in rows]
            return replace(p, reference=tuple(map(tuple, rounded)))
    return p


def _reference(p: Params) -> Any:
    """(q_aa, q_bb, q_ab) at layers 1, ..., L: of infinite width and, in a resnet, depth."""
    from theory import commutation as theory

    q = _start(p, 0, min(1, p.columns - 1))
    if p.architecture == "resnet" and not p.bias_variance:
        times = np.cumsum(p.time * branch_factors(p) ** 2)
        return theory.covariance_path(*q, times, p.activation)
    if p.architecture != "mlp":
        raise ValueError("the limit is random, or unknown.")
    path = [theory.Covariance(*q)]
    for _ in range(p.depth):
        variances = {"weight_variance": weight_variance(p), "bias_variance": p.bias_variance}
        path.append(theory.mlp_covariance(*path[-1], 1, p.activation, **variances))
    return path[1:]


def _start(p: Params, a: int, b: int) -> tuple[float, float, float]:
    """(q_aa, q_bb, q_ab) at layer 0."""
    g = p.covariance
    return float(g[a, a]), float(g[b, b]), float(g[a, b])


Pairs = list[tuple[int, int]]


def kernel_predictions(p: Params) -> Said:
    """Of the kernel after L layers."""
    return _predictions(p, pairs(p.columns))


def own_predictions(p: Params) -> Said:
    """Of the first input alone, without the work that two inputs take."""
    return _predictions(p, [(0, 0)])


def _predictions(p: Params, over: Pairs) -> Said:
    return {"resnet": _resnet, "mlp": _mlp, "shaped": _shaped}[p.architecture](p, over)


def _resnet(p: Params, over: Pairs) -> Said:
    from theory import commutation as theory

    said: Said = {"alive": {"predicted": 1.0}}
    if p.bias_variance:
        return said
    standard = p.branch is None and p.gamma == 0.5
    scales = branch_factors(p)
    time = p.time * theory.clock(scales)
    for a, b in over:
        q0 = _start(p, a, b)
        with contextlib.suppress(ValueError):  # an overflow; nothing to say
            q = theory.covariance(*q0, time, p.activation)
            said[pair_name("q", a, b)] = {"limit": q.q_ab}
            if a < b:
                c = q.q_ab / math.sqrt(q.q_aa * q.q_bb)
                said[correlation_name(a, b)] = {"limit": min(max(c, -1.0), 1.0)}
    if p.inner_width or p.columns > WITH_BANDS:
        return said
    with contextlib.suppress(ValueError):  # beyond the range of the fluctuations' numerics
        _add_width(said, p, time, *over[:2][-1], None if standard else scales)
    if p.activation == "relu":
        _add_relu(said, p, time)
    return said


def _add_width(said: Said, p: Params, time: float, a: int, b: int, scales: Any) -> None:
    """First order in 1/n; the errors are the size of the next terms, measured, not proved.

    Other branch factors have the fluctuations of infinite depth at the time of their clock.
    """
    from theory import commutation as theory

    n, q0 = p.width, _start(p, a, b)
    depth = p.depth if scales is None else None
    found = theory.fluctuations(*q0, time, p.activation, depth)
    mean_field = theory.finite_depth_covariance(*q0, p.time, p.depth, p.activation, scales)
    for k, (x, y) in enumerate(((a, a), (b, b), (a, b))):
        name = pair_name("q", x, y)
        correction, variance = float(found.correction[k]), float(found.covariance[k, k])
        mean, deviation = mean_field[k] + correction / n, math.sqrt(variance / n)
        said[name] |= {
            "predicted": mean,
            "error": abs(correction) * (1 / n + (depth is None) / p.depth) / n,
            "band": [mean - 1.96 * deviation, mean + 1.96 * deviation],
        }
        if x == 0:
            said[f"n_var_{name}"] = {"predicted": variance, "error": 3 * variance / n}
            total = math.sqrt(variance / n + (mean - said[name]["limit"]) ** 2)
            error = name.replace("q", "error")
            said[error] = said[f"sup_{error}"] = {"predicted": total}
    log = theory.log_expansion(q0[0], time, p.activation, depth)
    limit, mean = said["q_aa"]["limit"], said["q_aa"]["predicted"]
    said["log_q"] = {"limit": math.log(limit), "predicted": log.value + log.bias / n}
    said["var_log_q"] = {"predicted": log.variance / n}
    said["displacement"] = {"limit": limit - q0[0], "predicted": mean - q0[0]}
    if a < b:
        c = theory.correlation_expansion(*q0, time, p.activation, depth)
        said[correlation_name(a, b)]["predicted"] = c.value + c.bias / n


def _add_relu(said: Said, p: Params, time: float) -> None:
    """Closed forms of one neuron's law, first order in 1/n."""
    from theory.depth_limit import large_width

    n, q0 = p.width, float(p.covariance[0, 0])
    limit: float = said["q_aa"]["limit"]
    mean: float = said["q_aa"].get("predicted", limit)
    kurtosis = 3 + large_width.excess_kurtosis_coefficient(time) / n
    third = q0**1.5 * large_width.skewness_coefficient(time) / n
    said["positive"] = {"limit": 0.5, "predicted": 0.5 - large_width.activity_deficit(time) / n}
    said["third_moment"] = {"limit": 0.0, "predicted": third}
    said["fourth_moment"] = {
        "limit": 3 * said["q_aa"]["limit"] ** 2,
        "predicted": kurtosis * mean**2,
    }


def _mlp(p: Params, over: Pairs) -> Said:
    """The limit is that of infinite width at this depth."""
    from theory import commutation as theory

    said: Said = {}
    for a, b in over:
        with contextlib.suppress(ValueError):
            q = theory.mlp_covariance(
                *_start(p, a, b), p.depth, p.activation, weight_variance(p), p.bias_variance
            )
            said[pair_name("q", a, b)] = {"limit": q.q_ab}
            if a < b:
                said[correlation_name(a, b)] = {"limit": q.q_ab / math.sqrt(q.q_aa * q.q_bb)}
    if p.activation == "relu" and not p.bias_variance:
        n, q0 = p.width, float(p.covariance[0, 0])
        gain = weight_variance(p) / 2
        log = theory.mlp_log_moments(n, p.depth)
        mean = log.mean + math.log(q0) + p.depth * math.log(gain)
        said["log_q"] = {"predicted": mean}
        said["var_log_q"] = {"predicted": log.variance}
        said["alive"] = {"predicted": log.alive}
        if log.variance <= TAMED:
            mean = q0 * gain**p.depth
            second = theory.mlp_second_moment(n, p.depth)
            said["q_aa"]["predicted"] = mean
            said["n_var_q_aa"] = {"predicted": n * mean**2 * (second - 1)}
    return said


def _shaped(p: Params, over: Pairs) -> Said:
    """The limit is that of width and depth at this ratio; q has its mean at every width."""
    from theory import commutation as theory

    time, q0 = p.depth / p.width, float(p.covariance[0, 0])
    law = theory.shaped_log_variance(time)
    said: Said = {
        "log_q": {"limit": math.log(q0) + law.mean},
        "var_log_q": {"limit": law.variance},
    }
    if law.variance <= TAMED:
        said["q_aa"] = {"predicted": q0}
    for a, b in over:
        if a < b:
            q_aa, q_bb, q_ab = _start(p, a, b)
            rho = min(max(q_ab / math.sqrt(q_aa * q_bb), -1.0), 1.0)
            with contextlib.suppress(ValueError):
                found = theory.shaped_correlation_moments(rho, p.c_plus, p.c_minus, time)
                said[correlation_name(a, b)] = {"limit": found.mean}
    return said


def ntk_predictions(p: Params) -> Said:
    """Of tangent kernels at infinite width and this depth."""
    from theory import commutation as theory

    if p.bias_variance:
        return {}
    said: Said = {}
    for a, b in pairs(p.columns):
        q0 = _start(p, a, b)
        with contextlib.suppress(ValueError):
            if p.architecture == "mlp":
                found = theory.mlp_ntk(*q0, p.depth, p.activation, weight_variance(p))
            else:
                scales = branch_factors(p)
                found = theory.resnet_ntk(*q0, p.time, p.depth, p.activation, scales)
            said[pair_name("ntk", a, b)] = {"limit": found.q_ab}
    return said
