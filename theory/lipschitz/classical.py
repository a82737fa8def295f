r"""Weaker or older bounds, for comparison: each with multipliers or norms that a certificate takes.

product        prod_k |W_k|
eclipse-fast   one multiplier per layer in closed form (Xu & Sivaranjani, arXiv 2404.04375)
lambda-only    one multiplier per unit or group, of which only a Lipschitz constant is known
nsr-diag       T_k = diag(lambda) (x) I + diag(gamma) (x) 1 1^T and S = P = 0, the bound of the
               experiments of Pauli et al., arXiv 2401.14033
rr             LipSDP of the residual ReLU network that a MaxMin network equals (the same)
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from theory.lipschitz.candidate import Candidate
from theory.lipschitz.interior_point import interior_point, solve
from theory.lipschitz.network import Matrix, Network, Stage, dense
from theory.lipschitz.reductions import scaled_by
from theory.lipschitz.relaxations import as_residual_relu
from theory.lipschitz.scaling import packed, stage_exponents

Vector = np.ndarray[Any, np.dtype[np.float64]]

# Room for rounding where a matrix that is inverted would touch zero.
_ROOM = 1e-8


def product(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    """prod_k |W_k| beta_k; in general a stage counts |H| + beta |G| |W| / (1 - beta |J|).

    l_inf: row sums, and of the last map of a network of several outputs the sum of all entries.
    `input` holds the norms of the matrices in scaled units, per stage of those of H, W, G, J that
    it has, `output` those of the stages.  ValueError where beta |J| >= 1 in an implicit layer.
    """
    _known(norm)
    exponents = stage_exponents(network)
    norms: list[float] = []
    wholes: list[float] = []
    shifts = -np.diff(exponents)
    for number, (stage, shift) in enumerate(zip(network.stages, shifts, strict=True), start=1):
        last = norm == "linf" and number == len(network.stages)
        own, whole = _stage_norms(stage, int(shift), norm, last, number)
        norms += own
        wholes.append(whole)
    log_value = sum(math.log(whole) if whole > 0 else -math.inf for whole in wholes)
    none = (None,) * len(network.stages)
    return Candidate(
        norm,
        "norms",
        log_value + exponents[-1] * math.log(2),
        exponents,
        np.array(norms),
        np.array(wholes),
        none,
    )


def _stage_norms(
    stage: Stage, shift: int, norm: str, last: bool, number: int
) -> tuple[list[float], float]:
    """Norms of the matrices of a stage, and of the stage."""
    matrices = (stage.skip, stage.inner, stage.outer, stage.loop)
    # The map to the output: H, and G or, where there is none, W.
    sums = (last, last and stage.outer is None, last, False)
    own = [
        math.nan if part is None else _norm(scaled_by(part, power), norm, entries)
        for part, power, entries in zip(matrices, (shift, shift, 0, 0), sums, strict=True)
    ]
    skip, inner, outer, loop = own
    whole = 0.0 if stage.skip is None else skip
    if stage.inner is not None:
        beta = _beta(stage, norm)
        room = 1.0 if stage.loop is None else 1 - beta * loop
        if room <= 0:
            raise ValueError(
                f"product: the loop of stage {number} has norm {loop:.4g}, too large for a"
                " bound; use 'interior-point'."
            )
        whole += beta * inner * (1.0 if stage.outer is None else outer) / room
    return [size for part, size in zip(matrices, own, strict=True) if part is not None], whole


def _beta(stage: Stage, norm: str) -> float:
    """Lipschitz constant of the activation in `norm`."""
    kind = stage.activation
    if kind is None:
        return 1.0
    if kind.kind == "slopes":
        return float(np.abs(_slopes(stage)).max())
    if norm == "l2" or kind.kind == "group_sort":
        return 1.0
    # Between I and I - 2 u u^T / |u|^2.
    u = np.asarray(kind.direction) / math.hypot(*kind.direction)
    return max(1.0, float(np.abs(np.eye(u.size) - 2 * np.outer(u, u)).sum(axis=1).max()))


def _norm(matrix: Matrix, norm: str, entries: bool) -> float:
    if norm == "linf":
        sums = np.asarray(abs(matrix).sum(axis=1)).ravel()
        return float(sums.sum() if entries else sums.max())
    values = matrix.data if scipy.sparse.issparse(matrix) else matrix
    # Powers of two keep the squares in range.
    shift = math.frexp(float(np.abs(values).max(initial=0.0)))[1]
    level = scaled_by(matrix, -shift)
    if scipy.sparse.issparse(level) and min(level.shape) > 64:
        start = np.cos(1.0 + np.arange(min(level.shape)))
        return math.ldexp(
            float(scipy.sparse.linalg.svds(level, 1, v0=start, return_singular_vectors=False)[0]),
            shift,
        )
    return math.ldexp(float(np.linalg.norm(dense(level), 2)), shift)


def eclipse_fast(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    r"""One multiplier per layer, from the first to the last, in closed form.

    X_0 = I;  S = W X^-1 W^T;  Lambda = diag(beta / (b - a)) / lmax(diag(beta) S diag(beta));
    X <- 2 Lambda - (a + b) Lambda W (X + 2 W^T a b Lambda W)^-1 W^T Lambda (a + b);
    rho = lmax(W_L X^-1 W_L^T), multipliers rho Lambda, beta = max(|a|, |b|).

    For slopes in [0, 1] that is the published form; the general one is derived (a unit turns
    v^2 beta^2 into no less than e^2 with this multiplier).  For feed-forward networks of units
    with slopes, in l2; ValueError for others.
    """
    _check_eclipse(network, norm)
    exponents = stage_exponents(network)
    shifts = -np.diff(exponents)
    x: Vector | None = None
    multipliers: list[Vector | None] = []
    for stage, shift in zip(network.stages[:-1], shifts, strict=False):
        found = _forward(stage, dense(scaled_by(stage.inner, int(shift))), x)
        if found is None:
            break
        own, x = found
        multipliers.append(own)
    last = dense(scaled_by(network.stages[-1].skip, int(shifts[-1])))
    rho = _largest(_between(last, x)) if len(multipliers) == len(shifts) - 1 else 0.0
    if any((np.multiply(*_slopes(stage)) != 0).any() for stage in network.stages[:-1]):
        rho *= 1 + _ROOM
    if rho == 0:
        ones = [np.ones(stage.units) if stage.units else None for stage in network.stages]
        flat = (0,) * len(exponents)
        return Candidate(
            norm, "exact", -math.inf, flat, np.zeros(1), np.ones(1), tuple(ones), -math.inf
        )
    return packed(
        Candidate(
            norm,
            "exact",
            exponents[-1] * math.log(2) + 0.5 * math.log(rho),
            exponents,
            np.array([rho]),
            np.ones(1),
            (*(rho * own for own in multipliers if own is not None), None),
        )
    )


def _check_eclipse(network: Network, norm: str) -> None:
    _known(norm)
    if norm != "l2":
        raise ValueError("eclipse-fast is for norm 'l2'; use 'lipsdp'.")
    if not network.is_feed_forward:
        raise ValueError("eclipse-fast is for feed-forward networks; use 'lipsdp'.")
    if not network.kinds <= {"slopes"}:
        raise ValueError(
            "eclipse-fast is for units with slopes, not for groups such as MaxMin; use 'nsr-full'."
        )
    if any((_slopes(stage)[0] == _slopes(stage)[1]).any() for stage in network.stages[:-1]):
        raise ValueError("eclipse-fast needs units with lower < upper slope; use 'lipsdp'.")


def _forward(stage: Stage, w: Vector, x: Vector | None) -> tuple[Vector, Vector] | None:
    """Lambda and the next X; None where the layer is zero."""
    a, b = _slopes(stage)
    s = _between(w, x)
    beta = np.maximum(np.abs(a), np.abs(b))
    level = _largest(beta[:, None] * s * beta)
    if level == 0:
        return None
    mixed, square = a + b, a * b
    own = beta / (b - a) / level
    if square.any():
        own /= 1 + _ROOM
        x = np.eye(w.shape[1]) if x is None else x
        s = _between(w, x + 2 * (w.T * (square * own)) @ w) if mixed.any() else s
    return own, 2 * np.diag(own) - (mixed * own)[:, None] * s * (mixed * own)


def _slopes(stage: Stage) -> tuple[Vector, Vector]:
    assert stage.lower is not None
    assert stage.upper is not None
    return stage.lower, stage.upper


def _between(w: Vector, x: Vector | None) -> Vector:
    """W X^-1 W^T, X None the identity."""
    if x is None:
        return np.asarray(w @ w.T)
    half = scipy.linalg.solve_triangular(np.linalg.cholesky(x), w.T, lower=True)
    return np.asarray(half.T @ half)


def _largest(matrix: Vector) -> float:
    size = matrix.shape[0]
    top = scipy.linalg.eigh(matrix, eigvals_only=True, subset_by_index=(size - 1, size - 1))[0]
    return max(float(top), 0.0)


def lambda_only(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    """The least bound with one multiplier per unit or group known to be beta-Lipschitz only."""
    return solve(network, norm, tolerance, "lipschitz")


def nsr_diag(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    """The bound of the chain T_(k-1) >= W_k^T T_k W_k with T_k diagonal in the basis of the groups.

    Its multipliers prove the same bound, or a smaller one, without that restriction.  ValueError
    where no layer has groups, and for groups in implicit layers.
    """
    _needs_groups(network, "nsr-diag")
    return solve(network, norm, tolerance, "diagonal")


def rr(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    """LipSDP of `as_residual_relu(network)`, to whose stages exponents and multipliers belong.

    ValueError where no layer has groups, and for groups of more than two.
    """
    _needs_groups(network, "rr")
    return replace(interior_point(as_residual_relu(network), norm, tolerance), relaxation="rr")


def _needs_groups(network: Network, method: str) -> None:
    if network.kinds <= {"slopes"}:
        raise ValueError(
            f"method {method} is for MaxMin, GroupSort and Householder; this network has none:"
            " use lipsdp, interior-point, eclipse-fast, lambda-only, product or fgl."
        )
    if network.is_implicit:
        raise ValueError(
            f"method {method} is not for implicit networks; use interior-point or lambda-only."
        )


def _known(norm: str) -> None:
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")
